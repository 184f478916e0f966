// Preparation of UKB-like scans in a temporary directory: speed against a plain inflate of the same files, two ranks
// against one, memory, size.
//
//   brainmt bench prepare scans=4 'grid=[91,109,91]' 'frames=[100]'      rate per core, memory, size of the store
//   mpirun -n 2 brainmt bench prepare scans=8 ...                            also two ranks against one
//   brainmt bench prepare dense=true scans=1 'frames=[490]' ...          every voxel inside: the most memory
#include "prepare/prepare.hpp"

#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <fstream>
#include <iterator>

#include "base/philox.hpp"
#include "bench/bench.hpp"
#include "bench/process_memory.hpp"
#include "bench/shared_directory.hpp"
#include "io/nifti.hpp"
#include "synth/anatomy.hpp"

namespace brainmt::bench {
namespace {

namespace fs = std::filesystem;

constexpr double kMb = 1e6;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// A scan that gzip finds as hard as a real one, of one cohort in a common space: the same smooth head, whose voxels
// fluctuate by some percent with noise of thermal kind. The mask is the cohort's but for its outermost voxels, a part
// of which each scan lacks. MNI space has 228 of 903 thousand voxels inside; dense: all are.
struct ScanMaker {
  std::array<std::int64_t, 4> shape;
  io::NiftiType type;
  bool dense;
  static constexpr double kInside = 0.253;

  // [X, Y, Z]: of the cohort, 0 outside.
  std::vector<float> cohort_mean() const {
    const synth::Grid grid{static_cast<int>(shape[0]), static_cast<int>(shape[1]), static_cast<int>(shape[2])};
    std::vector<float> mean(synth::voxels_of(grid), dense ? 1.0f : 0.0f);
    if (dense) return mean;
    Philox random(0, 78);
    const synth::Anatomy head = synth::draw_anatomy(grid, 0.3, random);
    // The synthetic head fills the grid more than a brain does: an ellipsoid of the wanted volume is cut out of it.
    const auto depth = [&](std::size_t v) {
      const auto x = v % static_cast<std::size_t>(shape[0]), yz = v / static_cast<std::size_t>(shape[0]);
      const std::array<std::size_t, 3> at{x, yz % static_cast<std::size_t>(shape[1]),
                                          yz / static_cast<std::size_t>(shape[1])};
      double r = 0;
      for (std::size_t axis = 0; axis < 3; ++axis) {
        const double half = 0.5 * static_cast<double>(shape[axis]);
        r += std::pow((static_cast<double>(at[axis]) + 0.5 - half) / half, 2);
      }
      return r;
    };
    std::vector<std::size_t> inner(head.voxels.begin(), head.voxels.end());
    const auto wanted = std::min(inner.size(), static_cast<std::size_t>(kInside * static_cast<double>(mean.size())));
    std::ranges::nth_element(inner, inner.begin() + static_cast<std::ptrdiff_t>(wanted) - 1, {}, depth);
    inner.resize(wanted);
    for (std::size_t k = 0; k < head.voxels.size(); ++k) mean[head.voxels[k]] = head.mean[k];
    std::vector<float> kept(mean.size(), 0.0f);
    for (const std::size_t v : inner) kept[v] = mean[v];
    return kept;
  }

  // A scan lacks every fourth voxel of the cohort's rim, one voxel deep.
  std::vector<float> mean_image(Philox& random) const {
    const std::vector<float> cohort = cohort_mean();
    std::vector<float> mean = cohort;
    if (dense) return mean;
    const auto width = static_cast<std::size_t>(shape[0]), plane = width * static_cast<std::size_t>(shape[1]);
    for (std::size_t v = plane; v + plane < mean.size(); ++v) {
      const bool rim = cohort[v - 1] == 0 || cohort[v + 1] == 0 || cohort[v - width] == 0 || cohort[v + width] == 0 ||
                       cohort[v - plane] == 0 || cohort[v + plane] == 0;
      if (rim && cohort[v] != 0 && random.next_u32() % 4 == 0) mean[v] = 0;
    }
    return mean;
  }

  void write(const fs::path& path, std::uint64_t seed) const {
    Philox random(seed, 77);
    const std::vector<float> mean = mean_image(random);
    std::vector<float> noise(1 << 16);
    for (float& x : noise) x = static_cast<float>(random.normal());
    io::NiftiHeader header;
    header.shape = shape;
    header.type = type;
    header.repetition_time = 0.735;
    header.affine = {-2, 0, 0, 90, 0, 2, 0, -126, 0, 0, 2, -72, 0, 0, 0, 1};
    io::write_nifti_gz(path, header, [&](std::int64_t, std::span<float> frame) {
      const std::size_t phase = random.next_u32();
      for (std::size_t v = 0; v < frame.size(); ++v) {
        const float x = noise[(v * 2654435761u + phase) & (noise.size() - 1)];
        frame[v] = mean[v] == 0 ? 0.0f : std::max(1.0f, 8000 * mean[v] * (1 + 0.03f * x));
      }
    });
  }
};

struct Inflated {
  double seconds = 0, cpu = 0, bytes = 0;
};

double cpu_now() {
  timespec cpu = {};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
  return static_cast<double>(cpu.tv_sec) + 1e-9 * static_cast<double>(cpu.tv_nsec);
}

// zlib alone: from a buffer with the file into one small buffer, nothing done with the content.
Inflated inflate_plainly(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string file(std::istreambuf_iterator<char>(in), {});
  std::vector<unsigned char> out(1 << 18);
  z_stream z = {};
  const double start = now(), cpu = cpu_now();
  BRAINMT_CHECK(inflateInit2(&z, 15 + 16) == Z_OK, "zlib could not start to inflate");
  z.next_in = reinterpret_cast<Bytef*>(file.data());
  z.avail_in = static_cast<uInt>(file.size());
  int code = Z_OK;
  while (code == Z_OK) {
    z.next_out = out.data();
    z.avail_out = static_cast<uInt>(out.size());
    code = inflate(&z, Z_NO_FLUSH);
  }
  const Inflated result{now() - start, cpu_now() - cpu, static_cast<double>(z.total_out)};
  inflateEnd(&z);
  BRAINMT_CHECK(code == Z_STREAM_END, "'{}' does not inflate", path.string());
  return result;
}

struct Measured {
  double seconds = 0, peak = 0;  // of the slowest rank; bytes of the largest
  prepare::PrepareSummary summary;
};

// A barrier that leaves the core to others: the ranks that wait for the one rank must not slow it down.
void wait_asleep() {
  MPI_Request arrived = MPI_REQUEST_NULL;
  MPI_Ibarrier(MPI_COMM_WORLD, &arrived);
  for (int done = 0; !done; MPI_Test(&arrived, &done, MPI_STATUS_IGNORE)) ::usleep(2000);
}

Measured prepare_once(const fs::path& directory, const char* output, MPI_Comm comm) {
  prepare::PrepareConfig config;
  config.list.input = directory / "scans";
  config.output = directory / output / "cohort.h5";
  Measured result;
  reset_peak_resident();
  MPI_Barrier(comm);
  const double start = now();
  result.summary = prepare::prepare(config, comm);
  result.seconds = now() - start;
  result.peak = static_cast<double>(peak_resident_bytes());
  MPI_Allreduce(MPI_IN_PLACE, &result.seconds, 1, MPI_DOUBLE, MPI_MAX, comm);
  MPI_Allreduce(MPI_IN_PLACE, &result.peak, 1, MPI_DOUBLE, MPI_MAX, comm);
  return result;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void report_stages(Report& report, const prepare::StageTimes& times) {
  constexpr std::array<const char*, prepare::kWorks> kNames{"inflate and decode", "statistics and spill",
                                                            "normalise and stage", "copy", "commit"};
  for (std::size_t w = 0; w < prepare::kWorks; ++w) {
    report.rows.push_back({kNames[w],
                           {times.wall[w], times.wall[w], 1},
                           0,
                           times.inflated_bytes,
                           0,
                           fmt::format("CPU {:.2f} s", times.cpu[w])});
  }
}

}  // namespace

Report prepare_scans(const config::Config& config, comm::Communicator& comm) {
  const auto grid = config.get<std::vector<std::int64_t>>("grid");
  const std::int64_t frames = config.get<std::vector<std::int64_t>>("frames").front();
  const int scans = config.get<int>("scans"), repeats = config.get<int>("repeats");
  const bool dense = config.get<bool>("dense"), integers = config.get<std::string>("dtype") == "int16";
  const SharedDirectory directory(comm);
  const ScanMaker maker{
      {grid[0], grid[1], grid[2], frames}, integers ? io::NiftiType::kInt16 : io::NiftiType::kFloat32, dense};
  const auto path_of = [&](int s) { return directory.path() / "scans" / fmt::format("sub-{:03}.nii.gz", s); };
  if (comm.rank() == 0) {
    for (const char* name : {"scans", "by-one", "by-all"}) fs::create_directory(directory.path() / name);
  }
  comm.barrier();
  for (int s = comm.rank(); s < scans; s += comm.size()) maker.write(path_of(s), static_cast<std::uint64_t>(s));
  comm.barrier();

  MPI_Comm alone = MPI_COMM_NULL;  // rank 0 by itself
  MPI_Comm_split(MPI_COMM_WORLD, comm.rank() == 0 ? 0 : MPI_UNDEFINED, 0, &alone);
  std::vector<double> inflate_rate, inflate_cpu, rate, cpu, one_seconds, all_seconds;
  Measured one, all;
  for (int repeat = 0; repeat < repeats; ++repeat) {  // by turns: what else the machine does hits all alike
    if (comm.rank() == 0) {
      Inflated plain;
      for (int s = 0; s < scans; ++s) {
        const Inflated file = inflate_plainly(path_of(s));
        plain.seconds += file.seconds;
        plain.cpu += file.cpu;
        plain.bytes += file.bytes;
      }
      inflate_rate.push_back(plain.bytes / plain.seconds);
      inflate_cpu.push_back(plain.cpu);
      one = prepare_once(directory.path(), "by-one", alone);
      one_seconds.push_back(one.seconds);
      const auto& wall = one.summary.times.wall;
      rate.push_back(one.summary.times.inflated_bytes / (wall[0] + wall[1] + wall[2]));
      const auto& used = one.summary.times.cpu;
      cpu.push_back(used[0] + used[1] + used[2] + used[3] + used[4]);
    }
    wait_asleep();
    if (comm.size() == 1) continue;
    all = prepare_once(directory.path(), "by-all", MPI_COMM_WORLD);
    all_seconds.push_back(all.seconds);
  }
  if (alone != MPI_COMM_NULL) MPI_Comm_free(&alone);

  Report report{fmt::format("prepare: {} scans of {}x{}x{}, {} frames, {}{}", scans, grid[0], grid[1], grid[2], frames,
                            integers ? "int16" : "float32", dense ? ", every voxel inside" : ""),
                {},
                {},
                {}};
  if (comm.rank() != 0) return report;
  report_stages(report, one.summary.times);
  const double inflated = one.summary.times.inflated_bytes;
  const double plain = median(inflate_rate), staged = median(rate), whole = inflated / median(one_seconds);
  const double store = static_cast<double>(fs::file_size(directory.path() / "by-one/cohort.h5"));
  double files = 0;
  for (int s = 0; s < scans; ++s) files += static_cast<double>(fs::file_size(path_of(s)));
  const double published = 2.0 * static_cast<double>(grid[0] * grid[1] * grid[2] * frames * scans);
  report.lines = {
      fmt::format(
          "files: {:.1f} MB, {:.2f} of their content; {:.1f} % of the voxels are inside{}", files / kMb,
          files / inflated,
          100.0 * static_cast<double>(one.summary.voxels) / static_cast<double>(grid[0] * grid[1] * grid[2]),
          dense ? "" : " (one mask for all as in MNI space, each scan lacking a quarter of its outermost voxels)"),
      fmt::format(
          "plain inflate {:.1f} MB/s; prepare, one rank: {:.1f} MB/s until staged ({:.1f} %), {:.1f} MB/s with copy "
          "and commit ({:.1f} %)",
          plain / kMb, staged / kMb, 100 * staged / plain, whole / kMb, 100 * whole / plain),
      fmt::format("CPU time: plain inflate {:.2f} s, prepare with copy and commit {:.2f} s ({:.1f} %)",
                  median(inflate_cpu), median(cpu), 100 * median(inflate_cpu) / median(cpu)),
      fmt::format("peak resident {:.1f} MB per rank; 1.5 x one scan in fp16 + 64 MB is {:.1f} MB", one.peak / kMb,
                  1.5 * published / scans / kMb + 64),
      fmt::format("store {:.1f} MB, {:.3f} x the published files ({:.1f} MB)", store / kMb, store / published,
                  published / kMb)};
  report.values = {{"inflate_mb_s", plain / kMb},    {"prepare_mb_s", whole / kMb}, {"staged_share", staged / plain},
                   {"prepare_share", whole / plain}, {"peak_mb", one.peak / kMb},   {"store_share", store / published}};
  if (!all_seconds.empty()) {
    const double speedup = median(one_seconds) / median(all_seconds);
    report.lines.push_back(fmt::format("{} ranks {:.2f} s, one {:.2f} s: {:.2f} x; peak resident {:.1f} MB per rank",
                                       comm.size(), median(all_seconds), median(one_seconds), speedup, all.peak / kMb));
    report.values.emplace_back("speedup", speedup);
  }
  return report;
}

}  // namespace brainmt::bench
