#include "prepare/collector.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"

namespace brainmt::prepare {

Collector::Collector(std::size_t voxels, Spill& spill)
    : spill_(spill), smallest_(std::numeric_limits<float>::infinity()), largest_(-smallest_), known_(voxels, 0) {
  spill_.clear();
}

void Collector::discover(std::span<const float> frame) {
  for (std::size_t v = 0; v < frame.size(); ++v) {
    if (frame[v] == 0 || known_[v]) continue;
    known_[v] = 1;
    voxel_indices_.push_back(static_cast<std::uint32_t>(v));
    row_.push_back(frame[v]);
  }
}

void Collector::add(std::span<const float> frame) {
  row_.resize(voxel_indices_.size());
  for (std::size_t k = 0; k < row_.size(); ++k) row_[k] = frame[voxel_indices_[k]];
  // Most frames have no new non-zero voxel, and counting non-zeros is far cheaper than testing each voxel.
  if (check_frame(frame).nonzero != check_frame(row_).nonzero) discover(frame);
  const FrameValues values = values_of(row_);
  all_.join(values.moments);
  by_frame_.push_back(values);
  smallest_ = std::min(smallest_, values.smallest);
  largest_ = std::max(largest_, values.largest);
  spill_.append(row_);
  ++frames_;
}

ScanValues Collector::values() const {
  if (all_.count == 0) throw DataError("every voxel is zero");
  if (smallest_ == largest_) throw DataError(fmt::format("all non-zero voxels are {}", smallest_));
  return {all_.count, all_.mean, std::sqrt(all_.squares / (all_.count - 1.0)), smallest_, largest_};
}

}  // namespace brainmt::prepare
