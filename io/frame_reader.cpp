#include "io/frame_reader.hpp"

#include "base/error.hpp"
#include "io/mpi_reader.hpp"

namespace brainmt::io {
namespace {

class PosixReader final : public FrameReader {
 public:
  explicit PosixReader(StoreFiles& stores) : stores_(stores) {}
  void read(std::size_t file, std::uint64_t offset, std::span<std::byte> out) override {
    stores_.read(file, offset, out);
  }

 private:
  StoreFiles& stores_;
};

void require_threads(const char* mode) {
  int provided = MPI_THREAD_SINGLE;
  MPI_Query_thread(&provided);
  if (provided >= MPI_THREAD_MULTIPLE) return;
  throw UsageError(
      fmt::format("data.io={}: this MPI offers thread level {}, MPI_THREAD_MULTIPLE is needed because windows "
                  "are read on a thread of their own; use data.io=posix",
                  mode, provided));
}

}  // namespace

ReadMode read_mode_of(std::string_view name) {
  if (name == "posix") return ReadMode::kPosix;
  if (name == "independent") return ReadMode::kIndependent;
  if (name == "collective") return ReadMode::kCollective;
  throw UsageError(fmt::format("data.io={}: expected posix, independent or collective", name));
}

ReadSettings ReadSettings::from_config(const config::Config& config, MPI_Comm comm) {
  const auto mode = config.get<std::string>("data.io"), cache = config.get<std::string>("data.cache_dir");
  if (!cache.empty() && mode != "posix")
    throw UsageError(
        fmt::format("data.cache_dir={} conflicts with data.io={}: copies on the node are read with "
                    "data.io=posix only",
                    cache, mode));
  return {.mode = read_mode_of(mode),
          .comm = comm,
          .checksums = config.get<bool>("data.checksums"),
          .cache = {.directory = cache,
                    .max_bytes = static_cast<std::uint64_t>(config.get<double>("data.cache_gb") * 1e9)}};
}

void FrameReader::idle_until(const Pause& pause) {
  while (!pause(std::chrono::minutes(1))) {
  }
}

void StoreFiles::read(std::size_t file, std::uint64_t offset, std::span<std::byte> out) {
  std::shared_ptr<FileDescriptor> fd;
  {
    const std::lock_guard lock(mutex_);
    const auto open = [&] { return std::make_shared<FileDescriptor>(open_for_reading(files_[file].path)); };
    fd = open_.get(file, open, [](auto&) {});  // closed by the last thread that reads from it
  }
  read_exactly(*fd, files_[file].path, offset, out);
  bytes_read_ += out.size();
}

std::unique_ptr<FrameReader> make_reader(StoreFiles& stores, const ReadSettings& settings) {
  switch (settings.mode) {
    case ReadMode::kIndependent:
      require_threads("independent");
      return make_independent_reader(stores, settings.largest_piece);
    case ReadMode::kCollective:
      require_threads("collective");
      return make_collective_reader(stores, settings.comm, settings.largest_piece);
    case ReadMode::kPosix:
      break;
  }
  return std::make_unique<PosixReader>(stores);
}

}  // namespace brainmt::io
