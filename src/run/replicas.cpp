#include "run/replicas.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <bit>

#include "base/error.hpp"
#include "kernels/reduce.hpp"
#include "tensor/views.hpp"

namespace brainmt::run {

void check_replicas(comm::Communicator& comm, const nn::ParameterStore& store, std::int64_t step) {
  if (comm.size() == 1) return;
  const auto mine =
      std::bit_cast<std::int64_t>(kernels::bit_hash<float>(kernels::Exec{}, view1<const float>(store.values())));
  std::vector<std::int64_t> hashes(static_cast<std::size_t>(comm.size()));
  comm.all_gather(&mine, hashes.data(), 1, comm::DataType::kInt64);
  const std::vector<int> different = differing_ranks(hashes);
  if (different.empty()) return;
  const bool all = different.size() == hashes.size();
  throw InternalError(
      fmt::format("rank{} {}: the parameters differ from {} at step {}: memory or network corrupted a replica; nothing "
                  "was saved since, run again to continue from the last checkpoint, on other nodes if it happens again",
                  different.size() == 1 ? "" : "s", fmt::join(different, ", "),
                  all ? "each other" : "those of the other ranks", step));
}

std::vector<int> differing_ranks(const std::vector<std::int64_t>& hashes) {
  const auto count_of = [&](std::int64_t hash) { return std::ranges::count(hashes, hash); };
  const std::int64_t common = *std::ranges::max_element(hashes, {}, count_of);
  const bool majority = 2 * count_of(common) > std::ssize(hashes);
  std::vector<int> different;
  if (count_of(common) == std::ssize(hashes)) return different;
  for (std::size_t rank = 0; rank < hashes.size(); ++rank)
    if (!majority || hashes[rank] != common) different.push_back(static_cast<int>(rank));
  return different;
}

}  // namespace brainmt::run
