#include "bench/simulated_cohort.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "base/philox.hpp"
#include "io/cohort_writer.hpp"
#include "io/float16.hpp"

namespace brainmt::bench {
namespace {

// An ellipsoid whose axes are the same part of the grid's extents.
std::vector<std::uint32_t> ellipsoid(const io::CohortGrid& grid, double part) {
  const double radius = std::cbrt(part * 6 / std::numbers::pi);
  const auto squared = [radius](std::uint32_t i, std::uint32_t extent) {
    const double x = (2.0 * i + 1.0 - extent) / extent / radius;
    return x * x;
  };
  std::vector<std::uint32_t> voxels;
  for (std::uint32_t y = 0; y < grid.y; ++y)
    for (std::uint32_t x = 0; x < grid.x; ++x)
      for (std::uint32_t z = 0; z < grid.z; ++z)
        if (squared(y, grid.y) + squared(x, grid.x) + squared(z, grid.z) <= 1)
          voxels.push_back((y * grid.x + x) * grid.z + z);
  return voxels;
}

// Finite float16 between -2 and 2. Drawing each value would take longer than writing it: the scans are shifted
// pieces of one noise.
std::vector<std::uint16_t> noise(std::size_t count) {
  constexpr std::uint16_t kSignAndSmallExponent = 0xbfff;
  Philox random(1, 0);
  std::vector<std::uint16_t> values(count);
  for (std::uint16_t& v : values) v = static_cast<std::uint16_t>(random.next_u32()) & kSignAndSmallExponent;
  return values;
}

io::CohortLayout layout_of(const SimulatedCohort& cohort) {
  io::CohortLayout layout;
  layout.grid = cohort.grid;
  layout.affine = {2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1};
  layout.normalization = "zscore";
  layout.layout = "flat";
  layout.processing = "{}";
  layout.provenance = "simulated";
  layout.voxels = ellipsoid(cohort.grid, cohort.in_mask);
  std::vector<double> sex;
  for (std::size_t s = cohort.first_scan; s < cohort.first_scan + cohort.scans; ++s) {
    const std::string id = fmt::format("sim-{:06}", s);
    layout.scans.push_back(
        {.participant_id = id, .source = id + ".nii.gz", .frames = cohort.frames, .repetition_time = 0.735});
    sex.push_back(static_cast<double>(s % 2));
  }
  layout.phenotypes = {{"sex", std::move(sex)}};
  return layout;
}

}  // namespace

void write_simulated_cohort(const std::filesystem::path& path, const SimulatedCohort& cohort) {
  constexpr std::uint64_t kFramesAtOnce = 64;
  constexpr std::size_t kShift = 8;
  const io::CohortLayout layout = layout_of(cohort);
  const std::size_t piece = layout.voxels.size() * std::min(kFramesAtOnce, cohort.frames);
  const std::vector<std::uint16_t> values = noise(piece + kShift * 64);
  io::CohortWriter writer(MPI_COMM_SELF, path, layout);
  for (std::size_t s = 0; s < cohort.scans; ++s) {
    for (std::uint64_t f = 0; f < cohort.frames; f += kFramesAtOnce) {
      const std::size_t count = layout.voxels.size() * std::min(kFramesAtOnce, cohort.frames - f);
      writer.write_frames(s, f, std::span(values).subspan(kShift * (s % 64), count));
    }
    writer.set_scan_statistics(s, {.mean = 0, .std = 1, .fill = io::float_to_half(-2)});
  }
  writer.commit();
}

}  // namespace brainmt::bench
