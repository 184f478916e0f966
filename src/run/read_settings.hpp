#pragma once
// The data.* keys that say how windows are read.
#include <mpi.h>

#include <string>

#include "base/error.hpp"
#include "io/frame_reader.hpp"

namespace brainmt::run {

/// `keys` is anything with get<T>(name), a Config for example; `comm` is what collective mode reads together with.
/// Throws UsageError for a cache with another mode than posix.
template <class Keys>
io::ReadSettings read_settings(const Keys& keys, MPI_Comm comm) {
  const auto mode = keys.template get<std::string>("data.io"), cache = keys.template get<std::string>("data.cache_dir");
  if (!cache.empty() && mode != "posix")
    throw UsageError(
        fmt::format("data.cache_dir={} conflicts with data.io={}: copies on the node are read with "
                    "data.io=posix only",
                    cache, mode));
  return {.mode = io::read_mode_of(mode),
          .comm = comm,
          .checksums = keys.template get<bool>("data.checksums"),
          .cache = {.directory = cache,
                    .most_bytes = static_cast<std::uint64_t>(keys.template get<double>("data.cache_gb") * 1e9)}};
}

}  // namespace brainmt::run
