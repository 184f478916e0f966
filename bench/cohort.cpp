// Costs of a large cohort before the first step: open, choose subjects, split, shuffle, first batch. Measured in a
// fresh child process. The mask is tiny, so that the file has all frames and checksums and is still small.
//
//   brainmt bench cohort scans=6000 frames=490 shards=60
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <exception>
#include <numeric>

#include "bench/bench.hpp"
#include "bench/process_memory.hpp"
#include "bench/shared_directory.hpp"
#include "bench/simulated_cohort.hpp"
#include "comm/agreement.hpp"
#include "io/cohort_index.hpp"
#include "task/training_batches.hpp"

namespace brainmt::bench {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::array kPhases{"open", "subjects and split", "order and first batch"};

struct Start {
  std::array<double, kPhases.size()> seconds{};  // of each phase
  double peak_bytes = 0;                         // resident, more than before
};

Start measure_start(const fs::path& path, std::int64_t frames) {
  reset_peak_resident();
  const std::size_t before = resident_bytes();
  Start start;
  auto last = Clock::now();
  const auto lap = [&](std::size_t phase) {
    const auto time = Clock::now();
    start.seconds[phase] = std::chrono::duration<double>(time - last).count();
    last = time;
  };
  const io::Cohort cohort(path);
  lap(0);
  const task::TrainingData data = task::prepare_training_data(cohort, {.targets = {{.name = "sex"}}}, {}, frames);
  lap(1);
  task::TrainingBatches batches(
      data, {.settings = {.seed = 1, .batch_size = 2}, .end_step = 1, .input = task::windows_of(cohort, frames)});
  const task::MicroBatch batch = batches.next(0, 0);
  BRAINMT_CHECK(batch.samples.size() == 2, "a batch of {} samples", batch.samples.size());
  lap(2);
  start.peak_bytes = static_cast<double>(peak_resident_bytes() - before);
  return start;
}

// Runs measure_start() in a child. What this process has freed is first given back, so that the child cannot reuse it
// unseen. The child uses nothing of MPI, which it may not.
Start in_fresh_process(const fs::path& path, std::int64_t frames) {
  ::malloc_trim(0);
  std::fflush(nullptr);
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) throw InternalError(fmt::format("pipe: {}", io::errno_text(errno)));
  io::FileDescriptor from(ends[0]), to(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) throw InternalError(fmt::format("fork: {}", io::errno_text(errno)));
  if (child == 0) {
    int code = 1;
    try {
      const Start start = measure_start(path, frames);
      code = ::write(to.get(), &start, sizeof start) == static_cast<ssize_t>(sizeof start) ? 0 : 1;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
    }
    ::_exit(code);
  }
  to.close();
  Start start;
  const bool complete = ::read(from.get(), &start, sizeof start) == static_cast<ssize_t>(sizeof start);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!complete || status != 0) throw InternalError("bench cohort: the measuring process failed");
  return start;
}

void add_to(Report& report, const std::string& kind, const fs::path& path, std::int64_t frames, int repeats) {
  std::vector<Start> starts;
  for (int i = 0; i < repeats; ++i) starts.push_back(in_fresh_process(path, frames));
  std::vector<double> totals;
  for (const Start& s : starts) totals.push_back(std::accumulate(s.seconds.begin(), s.seconds.end(), 0.0));
  for (std::size_t p = 0; p < kPhases.size(); ++p) {
    std::vector<double> seconds;
    for (const Start& s : starts) seconds.push_back(s.seconds[p]);
    report.rows.push_back({fmt::format("{}: {}", kind, kPhases[p]), timing_of(std::move(seconds)), 0, 0, 0, ""});
  }
  const double total = timing_of(std::move(totals)).median;
  double peak = 0;
  for (const Start& s : starts) peak = std::max(peak, s.peak_bytes);
  report.lines.push_back(fmt::format(
      "{}: {:.2f} s to the first batch, {:.0f} MB more resident memory; bars: 2 s, 200 MB", kind, total, peak * 1e-6));
  report.values.emplace_back(kind + " seconds", total);
  report.values.emplace_back(kind + " resident bytes", peak);
}

}  // namespace

Report cohort(const config::Config& config, comm::Communicator& comm) {
  const std::int64_t scans = config.is_set("scans") ? config.get<std::int64_t>("scans") : 6000;
  const auto shards = config.get<std::int64_t>("shards");
  const auto frames = config.is_set("frames") ? config.get<std::vector<std::int64_t>>("frames").front() : 490;
  const int repeats = config.get<int>("repeats");
  Report report{fmt::format("cohort: {} scans of {} frames", scans, frames), {}, {}, {}};
  const SharedDirectory folder(comm);
  comm::run_agreed(comm, [&] {
    if (comm.rank() != 0) return;
    const auto make = [&](const fs::path& path, std::int64_t first, std::int64_t end) {
      write_simulated_cohort(path, {.grid = {16, 16, 16},
                                    .in_mask = 64.0 / 4096.0,
                                    .scans = static_cast<std::size_t>(end - first),
                                    .frames = static_cast<std::uint64_t>(frames),
                                    .first_scan = static_cast<std::size_t>(first)});
    };
    make(folder / "cohort.h5", 0, scans);
    add_to(report, "one file", folder / "cohort.h5", std::min<std::int64_t>(frames, 200), repeats);
    std::vector<fs::path> files;
    for (std::int64_t k = 0; k < shards; ++k) {
      files.push_back(folder / fmt::format("shard-{:05}.h5", k));
      make(files.back(), k * scans / shards, (k + 1) * scans / shards);
    }
    io::write_cohort_index(folder / "index.h5", files);
    add_to(report, fmt::format("index of {} files", shards), folder / "index.h5", std::min<std::int64_t>(frames, 200),
           repeats);
  });
  return report;
}

}  // namespace brainmt::bench
