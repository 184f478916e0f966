#include "prepare/survey.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "base/error.hpp"
#include "io/float16.hpp"

namespace brainmt::prepare {
namespace {

// Count, mean and sum of squared deviations of a set of values; sets are joined as in Chan, Golub and LeVeque (1979).
struct Moments {
  double count = 0, mean = 0, squares = 0;

  void join(const Moments& other) {
    if (other.count == 0) return;
    const double total = count + other.count, delta = other.mean - mean;
    mean += delta * other.count / total;
    squares += other.squares + delta * delta * count * other.count / total;
    count = total;
  }
};

// Two passes over a frame that lies in cache: the mean first, then the deviations from it. Zeros do not take part.
Moments moments_of(std::span<const float> frame) {
  double sum = 0, count = 0;
  for (const float x : frame) {
    sum += x;
    count += x != 0 ? 1.0 : 0.0;
  }
  if (count == 0) return {};
  const double mean = sum / count;
  double squares = 0;
  for (const float x : frame) {
    const double deviation = x != 0 ? x - mean : 0.0;
    squares += deviation * deviation;
  }
  return {count, mean, squares};
}

}  // namespace

ScanValues survey_scan(io::NiftiReader& scan, std::vector<std::uint8_t>& mask) {
  const std::size_t voxels = scan.header().frame_voxels();
  mask.assign(voxels, 0);
  // Not initialised: a damaged file must not cost more memory than it really holds frames for.
  const auto buffer = std::make_unique_for_overwrite<float[]>(voxels);
  const std::span<float> frame(buffer.get(), voxels);
  float smallest = std::numeric_limits<float>::infinity(), largest = -smallest;
  Moments all;
  for (std::int64_t t = 0; scan.next_frame(frame); ++t) {
    std::size_t infinite = 0;
    for (std::size_t v = 0; v < voxels; ++v) {
      const float x = frame[v];
      infinite += std::isfinite(x) ? 0 : 1;
      mask[v] |= x != 0 ? 1 : 0;
      smallest = x != 0 ? std::min(smallest, x) : smallest;
      largest = x != 0 ? std::max(largest, x) : largest;
    }
    if (infinite > 0) {
      throw DataError(fmt::format("{} voxels of frame {} are NaN or infinite", infinite, t));
    }
    all.join(moments_of(frame));
  }
  if (all.count == 0) throw DataError("every voxel is zero");
  if (smallest == largest) throw DataError(fmt::format("all non-zero voxels are {}", smallest));
  return {all.count, all.mean, std::sqrt(all.squares / (all.count - 1.0)), smallest, largest};
}

Normalizer::Normalizer(Normalize mode, const ScanValues& values) : mean_(values.mean), std_(values.std) {
  switch (mode) {
    case Normalize::kZscore:
      offset_ = values.mean;
      scale_ = values.std;
      fill_ = io::float_to_half(static_cast<float>((values.smallest - offset_) / scale_));
      break;
    case Normalize::kMinmax:
      offset_ = values.smallest;
      scale_ = values.largest - values.smallest;
      break;
    case Normalize::kNone:
      if (std::max(std::abs(values.smallest), std::abs(values.largest)) > io::kHalfMax) {
        throw DataError(fmt::format("values from {} to {} do not fit in float16 (largest {}); use normalize=zscore",
                                    values.smallest, values.largest, io::kHalfMax));
      }
      break;
  }
}

void Normalizer::operator()(std::span<const float> frame, std::span<const std::uint32_t> voxels,
                            std::span<std::uint16_t> out) {
  normalised_.resize(voxels.size());
  const float fill = io::half_to_float(fill_);
  for (std::size_t k = 0; k < voxels.size(); ++k) {
    const float x = frame[voxels[k]];
    normalised_[k] = x != 0 ? static_cast<float>((x - offset_) / scale_) : fill;
  }
  io::floats_to_halfs(normalised_, out);
}

}  // namespace brainmt::prepare
