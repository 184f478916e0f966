#include "connectivity/series.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.hpp"

namespace brainmt::connectivity {

using linalg::Matrix;

std::vector<Segment> segments_of(const io::Cohort& cohort, std::size_t scan, const FrameChoice& choice) {
  const std::uint64_t frames = cohort.scans()[scan].frames;
  if (choice.window == 0) return {{scan, 0, frames}};
  std::vector<Segment> segments;
  if (frames < choice.window) return segments;
  for (const std::size_t start : choice.starts(frames)) segments.push_back({scan, start, choice.window});
  return segments;
}

void regress_global_signal(Matrix& x, std::span<const std::uint32_t> voxels) {
  const std::vector<bool> missing = missing_parcels(x);
  std::vector<double> weight(x.rows, 1.0);
  const bool known = std::ranges::any_of(voxels, [](std::uint32_t count) { return count > 0; });
  for (std::size_t p = 0; known && p < x.rows; ++p) weight[p] = voxels[p];
  std::vector<double> global(x.cols);
  double total = 0;
  for (std::size_t p = 0; p < x.rows; ++p) {
    if (missing[p]) continue;
    total += weight[p];
    for (std::size_t t = 0; t < x.cols; ++t) global[t] += weight[p] * x(p, t);
  }
  if (!(total > 0)) return;
  const double frames = static_cast<double>(x.cols);
  for (double& value : global) value /= total;
  const double mean = std::accumulate(global.begin(), global.end(), 0.0) / frames;
  for (double& value : global) value -= mean;
  const double square = std::inner_product(global.begin(), global.end(), global.begin(), 0.0);
  for (std::size_t p = 0; p < x.rows; ++p) {
    if (missing[p]) continue;
    const auto row = x.row(p);
    const double own = std::accumulate(row.begin(), row.end(), 0.0) / frames;
    for (double& value : row) value -= own;
    const double b = square > 0 ? std::inner_product(row.begin(), row.end(), global.begin(), 0.0) / square : 0.0;
    for (std::size_t t = 0; t < x.cols; ++t) row[t] -= b * global[t];
  }
}

Matrix read_segment(const io::Cohort& cohort, const Segment& segment, GlobalSignal global) {
  const std::size_t parcels = cohort.parcels()->size();
  std::vector<float> frames(segment.count * parcels);
  cohort.read_series(segment.scan, segment.first, frames, io::Cohort::Verify::kYes);
  Matrix x(parcels, segment.count);
  for (std::size_t t = 0; t < segment.count; ++t) {
    for (std::size_t p = 0; p < parcels; ++p) x(p, t) = frames[t * parcels + p];
  }
  if (global == GlobalSignal::kRegress) regress_global_signal(x, cohort.parcel_voxels(segment.scan));
  return x;
}

std::vector<bool> absent_parcels(const io::Cohort& cohort, std::span<const std::size_t> scans) {
  const std::size_t parcels = cohort.parcels()->size();
  std::vector<bool> absent(parcels, true);
  std::vector<float> frame(parcels);
  for (const std::size_t scan : scans) {
    cohort.read_series(scan, 0, frame, io::Cohort::Verify::kNo);
    for (std::size_t p = 0; p < parcels; ++p) absent[p] = absent[p] && std::isnan(frame[p]);
  }
  return absent;
}

}  // namespace brainmt::connectivity
