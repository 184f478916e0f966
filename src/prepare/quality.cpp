#include "prepare/quality.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "base/error.hpp"

namespace brainmt::prepare {
namespace {

constexpr double kSpike = 100;                       // standard deviations of a frame's extreme value
constexpr double kLoneSpike = 30, kAboveOthers = 5;  // ... where it is so many times that of the median frame
constexpr double kMostOfOne = 0.5;                   // of a frame's variance that one value may make up
constexpr double kFewestVoxels = 100;                // ... in frames of as many voxels
constexpr double kLoudFrame = 25;                    // times the mean square of the median frame
constexpr double kEmptyShare = 0.8;                  // of the voxels of the fullest frame: less is a frame partly empty
constexpr double kSmallSlice = 0.1;                  // of the voxels of the fullest slice: less is the brain's edge

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

std::string counted(std::uint32_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace

QualityPolicy parse_quality(std::string_view word) {
  constexpr std::array<std::string_view, 3> kWords{"warn", "strict", "off"};
  const auto found = std::ranges::find(kWords, word);
  if (found == kWords.end()) throw UsageError(fmt::format("qc is '{}', expected warn, strict or off", word));
  return static_cast<QualityPolicy>(found - kWords.begin());
}

std::string quality_text(const io::ScanQuality& quality) {
  std::string text;
  const auto add = [&](std::uint32_t count, std::string_view noun) {
    if (count > 0) text += (text.empty() ? "" : "; ") + counted(count, noun);
  };
  add(quality.spikes, "frame with spikes");
  if (quality.spikes > 1) text = fmt::format("{} frames with spikes", quality.spikes);
  add(quality.empty_frames, "empty frame");
  add(quality.frozen_frames, "frozen frame");
  add(quality.dead_slices, "dead slice");
  return text;
}

// The fingerprint is a sum of bit patterns weighted by their place, so that equal slices are told without keeping them.
void FrameWatch::add(std::span<const float> frame) {
  constexpr std::uint32_t kMagnitude = 0x7fffffffu;
  const std::size_t voxels = std::size_t{grid_.x} * grid_.y;
  for (std::size_t z = 0; z < grid_.z; ++z) {
    const float* values = frame.data() + z * voxels;
    std::uint32_t nonzero = 0, fingerprint = 0, weight = 1;
    for (std::size_t v = 0; v < voxels; ++v, weight += 2) {
      const std::uint32_t bits = std::bit_cast<std::uint32_t>(values[v]);
      nonzero += (bits & kMagnitude) != 0 ? 1u : 0u;
      fingerprint += (bits ^ bits >> 16) * weight;
    }
    slices_.push_back({nonzero, fingerprint});
  }
}

io::ScanQuality FrameWatch::findings() const {
  io::ScanQuality quality;
  const std::size_t depth = grid_.z, frames = slices_.size() / depth;
  const auto slice = [&](std::size_t t, std::size_t z) { return slices_[t * depth + z]; };
  std::vector<std::uint32_t> fullest(depth, 0);  // by slice
  std::vector<std::uint64_t> filled(frames, 0);  // by frame
  for (std::size_t t = 0; t < frames; ++t) {
    for (std::size_t z = 0; z < depth; ++z) {
      fullest[z] = std::max(fullest[z], slice(t, z).nonzero);
      filled[t] += slice(t, z).nonzero;
    }
  }
  const auto most = static_cast<double>(std::ranges::max(filled));
  std::vector<std::uint8_t> empty(frames);
  for (std::size_t t = 0; t < frames; ++t) {
    empty[t] = static_cast<double>(filled[t]) < kEmptyShare * most ? 1 : 0;
    quality.empty_frames += empty[t];
    const auto now = slices_.begin() + static_cast<std::ptrdiff_t>(t * depth);
    const bool frozen =
        t > 0 && !empty[t] &&
        std::equal(now, now + static_cast<std::ptrdiff_t>(depth), now - static_cast<std::ptrdiff_t>(depth));
    quality.frozen_frames += frozen ? 1 : 0;
  }
  const bool moves = quality.frozen_frames + quality.empty_frames + 1 < frames;  // else every slice stands still
  const auto small = static_cast<std::uint32_t>(kSmallSlice * std::ranges::max(fullest));
  const auto is_seen = [](std::uint32_t voxels) { return voxels > 0; };
  const auto first = std::ranges::find_if(fullest, is_seen);
  const auto last = std::find_if(fullest.rbegin(), fullest.rend(), is_seen).base();
  for (auto z = first; z < last; ++z) {
    const auto at = static_cast<std::size_t>(z - fullest.begin());
    bool gap = *z == 0, still = frames > 2 && moves && *z > small;
    for (std::size_t t = 0; t < frames; ++t) {
      gap = gap || (!empty[t] && *z > small && slice(t, at).nonzero == 0);
      still = still && slice(t, at) == slice(0, at);
    }
    quality.dead_slices += gap || still ? 1 : 0;
  }
  return quality;
}

// Medians over the frames say what is usual, so that a spike does not hide behind the spread that it makes itself.
std::uint32_t count_spikes(std::span<const FrameValues> frames) {
  std::vector<double> means, spreads;
  for (const FrameValues& frame : frames) {
    if (frame.moments.count < 2) continue;
    means.push_back(frame.moments.mean);
    spreads.push_back(std::sqrt(frame.moments.squares / frame.moments.count));
  }
  const double mean = median(means), spread = median(spreads);
  std::vector<double> extremes, energies, shares;  // shares: of a frame's variance that is one value's
  for (const FrameValues& frame : frames) {
    const Moments& m = frame.moments;
    if (m.count < 2) continue;
    const double largest =
        std::max(static_cast<double>(frame.largest) - mean, mean - static_cast<double>(frame.smallest));
    extremes.push_back(largest / spread);
    shares.push_back(m.count < kFewestVoxels ? 0 : extremes.back() * extremes.back() / m.count);
    energies.push_back(m.squares / m.count + (m.mean - mean) * (m.mean - mean));
  }
  if (!(spread > 0)) return 0;
  const double usual = median(extremes), usual_energy = median(energies);
  std::uint32_t spikes = 0;
  for (std::size_t t = 0; t < extremes.size(); ++t) {
    const bool lone = extremes[t] > kLoneSpike && extremes[t] > kAboveOthers * usual;
    spikes += extremes[t] > kSpike || lone || shares[t] > kMostOfOne || energies[t] > kLoudFrame * usual_energy ? 1 : 0;
  }
  return spikes;
}

}  // namespace brainmt::prepare
