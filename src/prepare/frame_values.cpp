#include "prepare/frame_values.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <numeric>

namespace brainmt::prepare {
namespace {

constexpr std::size_t kLanes = 16;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Runs step(lane, value) over all values; value i goes to lane i mod kLanes.
template <class Step>
inline void in_lanes(std::span<const float> values, Step&& step) {
  std::size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) step(lane, values[i + lane]);
  }
  for (std::size_t lane = 0; i < values.size(); ++i, ++lane) step(lane, values[i]);
}

double total(const std::array<double, kLanes>& lanes) { return std::accumulate(lanes.begin(), lanes.end(), 0.0); }

}  // namespace

FrameCheck check_frame(std::span<const float> frame) {
  constexpr std::uint32_t kMagnitude = 0x7fffffffu, kInfinite = 0x7f800000u;
  std::uint32_t nonzero = 0, nonfinite = 0;  // a frame has fewer voxels than 2^32: its bytes are counted in int64
  FrameCheck check;
  constexpr std::size_t kBlock = std::size_t{1} << 30;
  for (std::size_t first = 0; first < frame.size(); first += kBlock) {
    nonzero = nonfinite = 0;
    for (const float x : frame.subspan(first, std::min(kBlock, frame.size() - first))) {
      const std::uint32_t magnitude = std::bit_cast<std::uint32_t>(x) & kMagnitude;
      nonzero += magnitude != 0 ? 1u : 0u;
      nonfinite += magnitude >= kInfinite ? 1u : 0u;
    }
    check.nonzero += nonzero;
    check.nonfinite += nonfinite;
  }
  return check;
}

void Moments::join(const Moments& other) {
  if (other.count == 0) return;
  const double sum = count + other.count, delta = other.mean - mean;
  mean += delta * other.count / sum;
  squares += other.squares + delta * delta * count * other.count / sum;
  count = sum;
}

// Two passes over values that lie in cache: the mean first, then the deviations from it.
FrameValues values_of(std::span<const float> values) {
  std::array<double, kLanes> sums{}, squares{};
  std::array<float, kLanes> counts{}, smallest, largest;
  smallest.fill(kInfinity);
  largest.fill(-kInfinity);
  constexpr std::size_t kBlock = kLanes << 23;  // a float counts exactly to 2^24
  double count = 0;
  for (std::size_t first = 0; first < values.size(); first += kBlock) {
    counts.fill(0);
    in_lanes(values.subspan(first, std::min(kBlock, values.size() - first)), [&](std::size_t lane, float x) {
      sums[lane] += static_cast<double>(x);
      counts[lane] += x != 0 ? 1.0f : 0.0f;
      smallest[lane] = std::min(smallest[lane], x != 0 ? x : kInfinity);
      largest[lane] = std::max(largest[lane], x != 0 ? x : -kInfinity);
    });
    count += std::accumulate(counts.begin(), counts.end(), 0.0);
  }
  FrameValues result{{}, std::ranges::min(smallest), std::ranges::max(largest)};
  if (count == 0) return result;
  const double mean = total(sums) / count;
  in_lanes(values, [&](std::size_t lane, float x) {
    const double deviation = x != 0 ? static_cast<double>(x) - mean : 0.0;
    squares[lane] += deviation * deviation;
  });
  result.moments = {count, mean, total(squares)};
  return result;
}

}  // namespace brainmt::prepare
