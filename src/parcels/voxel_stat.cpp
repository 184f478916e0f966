#include "parcels/voxel_stat.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace brainmt::parcels {

VoxelStat::VoxelStat(std::span<const std::uint16_t> columns, std::span<const std::uint8_t> covered, std::size_t parcels,
                     Stat stat)
    : stat_(stat), first_(parcels + 1, 0) {
  const auto counts = [&](std::size_t v) { return columns[v] != 0 && covered[v] != 0; };
  for (std::size_t v = 0; v < columns.size(); ++v)
    if (counts(v)) ++first_[columns[v]];
  for (std::size_t p = 0; p < parcels; ++p) first_[p + 1] += first_[p];
  voxels_.resize(first_.back());
  std::vector<std::size_t> next(first_.begin(), first_.end() - 1);
  for (std::size_t v = 0; v < columns.size(); ++v)
    if (counts(v)) voxels_[next[columns[v] - 1u]++] = static_cast<std::uint32_t>(v);
}

float VoxelStat::value() {
  const std::size_t count = values_.size();
  if (count == 0) return std::numeric_limits<float>::quiet_NaN();
  if (stat_ == Stat::kMedian) {
    const auto middle = values_.begin() + static_cast<std::ptrdiff_t>(count / 2);
    std::nth_element(values_.begin(), middle, values_.end());
    if (count % 2 == 1) return *middle;
    const double below = *std::max_element(values_.begin(), middle);
    return static_cast<float>((below + static_cast<double>(*middle)) / 2);
  }
  double mean = 0, squares = 0;
  for (const float value : values_) mean += static_cast<double>(value);
  mean /= static_cast<double>(count);
  for (const float value : values_) {
    const double deviation = static_cast<double>(value) - mean;
    squares += deviation * deviation;
  }
  return static_cast<float>(std::sqrt(squares / static_cast<double>(count)));
}

void VoxelStat::add_row(std::span<const float> frame, std::vector<float>& series) {
  for (std::size_t p = 0; p + 1 < first_.size(); ++p) {
    values_.clear();
    for (std::size_t i = first_[p]; i < first_[p + 1]; ++i) values_.push_back(frame[voxels_[i]]);
    series.push_back(value());
  }
}

}  // namespace brainmt::parcels
