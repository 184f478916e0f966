// Parcellation of a cohort's scans against reading the same scans in windows with checksums, from the page cache; and
// the memory it takes. Ways alternate, so that other load on the machine affects both alike.
//
//   brainmt bench parcellate             91x109x91 voxels, a quarter in the mask, scans of 200 frames
#include <malloc.h>

#include <chrono>
#include <cmath>
#include <optional>

#include "bench/bench.hpp"
#include "bench/process_memory.hpp"
#include "bench/shared_directory.hpp"
#include "bench/simulated_cohort.hpp"
#include "comm/agreement.hpp"
#include "io/cohort.hpp"
#include "parcels/packed_parcels.hpp"

namespace brainmt::bench {
namespace {

constexpr std::size_t kScans = 4;
constexpr int kMinRounds = 7;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Cubes of 8 voxels a side, each a parcel where the mask is: as large as those of an atlas of 400, in every voxel.
parcels::GridParcels cubes(const io::CohortGrid& grid, const std::vector<std::uint32_t>& mask) {
  constexpr std::int64_t kSide = 8;
  parcels::GridParcels made;
  made.grid = {{grid.x, grid.y, grid.z}, {2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1}};
  const std::int64_t nx = (made.grid.shape[0] + kSide - 1) / kSide, ny = (made.grid.shape[1] + kSide - 1) / kSide,
                     nz = (made.grid.shape[2] + kSide - 1) / kSide;
  made.column.assign(made.grid.voxels(), 0);
  std::vector<std::uint16_t> number(static_cast<std::size_t>(nx * ny * nz), 0);  // of a cube: its parcel + 1
  for (const std::uint32_t stored : mask) {
    const std::uint32_t voxel = parcels::image_voxel(stored, made.grid.shape);
    const std::int64_t x = voxel % grid.x, y = voxel / grid.x % grid.y, z = voxel / grid.x / grid.y;
    std::uint16_t& cube = number[static_cast<std::size_t>(x / kSide + nx * (y / kSide + ny * (z / kSide)))];
    if (cube == 0) {
      made.own.push_back(0);
      cube = static_cast<std::uint16_t>(made.own.size());
    }
    made.column[voxel] = cube;
    made.shares.push_back({voxel, 1, static_cast<std::uint16_t>(cube - 1)});
    ++made.own[cube - 1u];
  }
  return made;
}

}  // namespace

Report parcellate(const config::Config& config, comm::Communicator& comm) {
  const auto extents =
      config.is_set("grid") ? config.get<std::vector<std::int64_t>>("grid") : std::vector<std::int64_t>{91, 109, 91};
  const auto frames = config.is_set("frames")
                          ? static_cast<std::uint64_t>(config.get<std::vector<std::int64_t>>("frames").front())
                          : std::uint64_t{200};
  const auto extent = [&](std::size_t i) { return static_cast<std::uint32_t>(extents[i]); };
  const io::CohortGrid grid{extent(0), extent(1), extent(2)};
  const SharedDirectory directory(comm);
  comm::run_agreed(comm, [&] {
    if (comm.rank() == 0)
      write_simulated_cohort(directory / "cohort.h5", {.grid = grid, .scans = kScans, .frames = frames});
  });
  const io::Cohort cohort(directory / "cohort.h5");
  const parcels::GridParcels atlas = cubes(grid, cohort.voxels_of(0));
  parcels::PackedParcels packed(atlas, cohort.voxels_of(0));
  std::vector<std::uint16_t> window(frames * cohort.voxels(0));
  const auto read = [&](std::size_t scan) { cohort.read_window(scan, 0, window, io::Cohort::Verify::kYes); };
  const auto parcels_of = [&](std::size_t scan) {
    const auto chunk = [&](std::uint64_t first, std::span<std::uint16_t> out) {
      cohort.read_window(scan, first, out, io::Cohort::Verify::kYes);
    };
    return packed.of_scan(chunk, frames, cohort.scans()[scan].statistics.fill, parcels::Stat::kMean);
  };
  for (std::size_t s = 0; s < kScans; ++s) read(s);  // into the page cache

  ::malloc_trim(0);
  reset_peak_resident();
  const std::size_t before = resident_bytes();
  const parcels::ScanParcels first = parcels_of(0);
  const double memory = static_cast<double>(peak_resident_bytes() - std::min(before, peak_resident_bytes()));
  // Two blocks: one is read while the other is summed.
  constexpr std::size_t kChunk = 2 * parcels::ParcelSums::kBlock;
  const double chunk = static_cast<double>(kChunk * cohort.voxels(0) * sizeof(std::uint16_t));
  // Sums in double, the series in float.
  const double series = static_cast<double>(first.series.size()) * (sizeof(double) + sizeof(float));

  std::vector<double> reading, working, shares;
  const double seconds = config.get<double>("seconds"), begin = now();
  bool more = true;
  for (int round = 0; more; ++round) {
    const std::size_t scan = (static_cast<std::size_t>(comm.rank()) + static_cast<std::size_t>(round)) % kScans;
    const auto timed = [&](const auto& work, std::vector<double>& into) {
      comm.barrier();
      const double start = now();
      work(scan);
      into.push_back(comm::all_reduce_value(comm, now() - start, comm::ReduceOp::kMax));
    };
    timed(read, reading);
    timed(parcels_of, working);
    shares.push_back(reading.back() / working.back());
    const bool own = round + 1 < kMinRounds || now() - begin < 2 * seconds;
    more = comm::all_reduce_value(comm, own ? 1.0 : 0.0, comm::ReduceOp::kMax) > 0;
  }
  const double bytes = static_cast<double>(window.size() * sizeof(std::uint16_t)) * comm.size();
  const double share = timing_of(std::move(shares)).median;
  Report report{fmt::format("parcellate: {}x{}x{} voxels, {} in the mask, {} parcels, scans of {} frames, {} ranks",
                            extents[0], extents[1], extents[2], cohort.voxels(0), atlas.parcels(), frames, comm.size()),
                {},
                {},
                {}};
  report.rows.push_back({"windows, checksums", timing_of(std::move(reading)), 0, bytes, 0, ""});
  report.rows.push_back({"parcellate", timing_of(std::move(working)), 0, bytes, 0,
                         fmt::format("{:.1f} % of the window-read rate", 100 * share)});
  report.lines.push_back(fmt::format(
      "{:.1f} MB more resident memory for a scan; a chunk of {} frames and the parcels are {:.1f} MB; bars: "
      "70 %, no more than these",
      memory * 1e-6, kChunk, (chunk + series) * 1e-6));
  report.values = {{"share of the window-read rate", share},
                   {"resident bytes", memory},
                   {"bytes of a chunk and the parcels", chunk + series}};
  return report;
}

}  // namespace brainmt::bench
