// Windows of a simulated cohort as fast as the page cache gives them: each way of reading, checksums and the dense
// grid, against pread of the same bytes. Variants alternate, so that other load on the machine affects all alike.
//
//   brainmt bench io                     91x109x91 voxels, a quarter in the mask, windows of 200 frames
//   brainmt bench io --with-step         also training steps with windows from a store (io_step.cpp)
//   mpirun -n 2 brainmt bench io         each rank reads windows of its own at the same time
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>

#include "bench/bench.hpp"
#include "bench/io_step.hpp"
#include "bench/shared_directory.hpp"
#include "bench/simulated_cohort.hpp"
#include "comm/agreement.hpp"
#include "io/cohort.hpp"

namespace brainmt::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kScans = 4;
constexpr int kMinRounds = 9;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// One way to get a window, and how long it took each time.
struct Way {
  std::string name;
  std::function<void(std::size_t scan)> read;
  std::vector<double> seconds{};
};

// A cohort opened for one mode, and its reader.
class Source {
 public:
  Source(const fs::path& path, io::ReadMode mode)
      : cohort_(path, {.mode = mode, .comm = MPI_COMM_WORLD}), reader_(cohort_.make_reader()) {}

  const io::Cohort& cohort() const { return cohort_; }
  void read(std::size_t scan, std::span<std::uint16_t> out) {
    const io::Cohort::Location location = cohort_.location_of(scan, 0, out.size() / cohort_.voxels(scan));
    reader_->read(location.file, location.offset, std::as_writable_bytes(out));
  }
  // Collective in collective mode.
  void finish() {
    reader_->finish([](auto) { return false; });
    reader_->leave(nullptr);
  }

 private:
  io::Cohort cohort_;
  std::unique_ptr<io::FrameReader> reader_;
};

// All ways round by round until `seconds` have passed for each; a turn ends with the slowest rank.
void take_turns(std::vector<Way>& ways, comm::Communicator& comm, double seconds) {
  const auto first = static_cast<std::size_t>(comm.rank());
  for (const Way& way : ways)
    for (std::size_t s = 0; s < kScans; ++s) way.read(s);  // into the page cache
  const double begin = now(), long_enough = seconds * static_cast<double>(ways.size());
  bool go_on = true;
  for (int round = 0; go_on; ++round) {
    for (Way& way : ways) {
      comm.barrier();
      const double start = now();
      way.read((first + static_cast<std::size_t>(round)) % kScans);
      way.seconds.push_back(comm::all_reduce_value(comm, now() - start, comm::ReduceOp::kMax));
    }
    const bool more = round + 1 < kMinRounds || now() - begin < long_enough;
    go_on = comm::all_reduce_value(comm, more ? 1.0 : 0.0, comm::ReduceOp::kMax) > 0;
  }
}

// The median over the rounds of the time of `yardstick` over that of `way`.
double share_of(const Way& yardstick, const Way& way) {
  std::vector<double> shares;
  for (std::size_t i = 0; i < way.seconds.size(); ++i) shares.push_back(yardstick.seconds[i] / way.seconds[i]);
  return timing_of(std::move(shares)).median;
}

void report_ways(Report& report, const std::vector<Way>& ways, double bytes) {
  for (const Way& way : ways) {
    const double share = share_of(ways.front(), way);
    report.rows.push_back({way.name, timing_of(way.seconds), 0, bytes, 0,
                           &way == &ways.front() ? "" : fmt::format("{:.1f} % of pread", 100 * share)});
    report.values.emplace_back(way.name + " share of pread", share);
  }
}

void read_windows(Report& report, const fs::path& path, std::uint64_t frames, double seconds,
                  comm::Communicator& comm) {
  Source posix(path, io::ReadMode::kPosix), independent(path, io::ReadMode::kIndependent),
      collective(path, io::ReadMode::kCollective);
  const io::Cohort& cohort = posix.cohort();
  std::vector<std::uint16_t> packed(frames * cohort.voxels(0));
  std::vector<float> dense(frames * cohort.layout().grid.voxels());
  const io::FileDescriptor file = io::open_for_reading(path);
  const auto plain = [&](std::size_t scan) {
    char* out = reinterpret_cast<char*>(packed.data());
    const auto at = static_cast<off_t>(cohort.location_of(scan, 0, frames).offset);
    for (std::size_t done = 0, size = packed.size() * sizeof(std::uint16_t); done < size;) {
      const ssize_t got = ::pread(file.get(), out + done, size - done, at + static_cast<off_t>(done));
      if (got <= 0) throw DataError(fmt::format("cannot read '{}': {}", path.string(), io::errno_text(errno)));
      done += static_cast<std::size_t>(got);
    }
  };
  const auto checked = [&](std::size_t scan) {
    posix.read(scan, packed);
    cohort.check_window(scan, 0, packed);
  };
  std::vector<Way> ways{{"pread", plain},
                        {"posix", [&](std::size_t scan) { posix.read(scan, packed); }},
                        {"independent", [&](std::size_t scan) { independent.read(scan, packed); }},
                        {"collective", [&](std::size_t scan) { collective.read(scan, packed); }},
                        {"posix, checksums", checked},
                        {"posix, dense",
                         [&](std::size_t scan) {
                           posix.read(scan, packed);
                           cohort.scatter_of(scan)(packed, cohort.scans()[scan].statistics.fill, dense);
                         }},
                        {"posix, checksums, dense", [&](std::size_t scan) {
                           checked(scan);
                           cohort.scatter_of(scan)(packed, cohort.scans()[scan].statistics.fill, dense);
                         }}};
  take_turns(ways, comm, seconds);
  collective.finish();
  const double bytes = static_cast<double>(packed.size() * sizeof(std::uint16_t));
  report_ways(report, ways, bytes * comm.size());
  std::vector<double> checks;
  for (std::size_t i = 0; i < ways[1].seconds.size(); ++i) checks.push_back(ways[4].seconds[i] - ways[1].seconds[i]);
  report.lines.push_back(
      fmt::format("{:.1f} MB a window and rank ({} voxels); its checksums cost {:.1f} ms; bar: posix >= 85 % of pread",
                  bytes * 1e-6, cohort.voxels(0), timing_of(std::move(checks)).median * 1e3));
}

}  // namespace

Report io(const config::Config& config, comm::Communicator& comm) {
  const auto extents =
      config.is_set("grid") ? config.get<std::vector<std::int64_t>>("grid") : std::vector<std::int64_t>{91, 109, 91};
  const auto frames = config.is_set("frames")
                          ? static_cast<std::uint64_t>(config.get<std::vector<std::int64_t>>("frames").front())
                          : std::uint64_t{200};
  const auto extent = [&](std::size_t i) { return static_cast<std::uint32_t>(extents[i]); };
  Report report{fmt::format("io: {}x{}x{} voxels, windows of {} frames in the page cache, {} ranks", extents[0],
                            extents[1], extents[2], frames, comm.size()),
                {},
                {},
                {}};
  const SharedDirectory directory(comm);
  comm::run_agreed(comm, [&] {
    if (comm.rank() == 0)
      write_simulated_cohort(directory / "cohort.h5",
                             {.grid = {extent(0), extent(1), extent(2)}, .scans = kScans, .frames = frames});
  });
  read_windows(report, directory / "cohort.h5", frames, config.get<double>("seconds"), comm);
  comm.barrier();
  if (config.get<bool>("with_step")) compare_steps(report, config, comm);
  return report;
}

}  // namespace brainmt::bench
