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
constexpr double kMaxShareOfOne = 0.5;               // of a frame's variance that one value may make up
constexpr double kMinVoxels = 100;                   // ... in frames of as many voxels
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

FrameWatch::FrameWatch(const io::CohortGrid& grid) : grid_(grid), axes_{{{grid.x, {}}, {grid.y, {}}, {grid.z, {}}}} {}

// The fingerprint is a sum of bit patterns weighted by their index, so that equal slices are told without keeping them.
void FrameWatch::add(std::span<const float> frame) {
  constexpr std::uint32_t kMagnitude = 0x7fffffffu;
  for (Axis& axis : axes_) axis.slices.resize(axis.slices.size() + axis.extent);
  const auto now = [&](std::size_t a) { return axes_[a].slices.end() - static_cast<std::ptrdiff_t>(axes_[a].extent); };
  const auto across_x = now(0), across_y = now(1), across_z = now(2);
  const float* row = frame.data();
  for (std::size_t z = 0; z < grid_.z; ++z) {
    for (std::size_t y = 0; y < grid_.y; ++y, row += grid_.x) {
      const auto weight = static_cast<std::uint32_t>(2 * (z * grid_.y + y) + 1);
      std::uint32_t nonzero = 0, fingerprint = 0;
      for (std::size_t x = 0; x < grid_.x; ++x) {
        const std::uint32_t bits = std::bit_cast<std::uint32_t>(row[x]), mixed = bits ^ bits >> 16;
        const std::uint32_t seen = (bits & kMagnitude) != 0 ? 1u : 0u;
        Slice& column = across_x[static_cast<std::ptrdiff_t>(x)];
        column.nonzero += seen;
        column.fingerprint += mixed * weight;
        nonzero += seen;
        fingerprint += mixed * static_cast<std::uint32_t>(2 * x + 1);
      }
      Slice& of_y = across_y[static_cast<std::ptrdiff_t>(y)];
      Slice& of_z = across_z[static_cast<std::ptrdiff_t>(z)];
      of_y.nonzero += nonzero;
      of_z.nonzero += nonzero;
      of_y.fingerprint += fingerprint * static_cast<std::uint32_t>(2 * z + 1);
      of_z.fingerprint += fingerprint * static_cast<std::uint32_t>(2 * y + 1);
    }
  }
  ++frames_;
}

io::ScanQuality FrameWatch::findings() const {
  io::ScanQuality quality;
  const Axis& z = axes_.back();
  const auto depth = static_cast<std::ptrdiff_t>(z.extent);
  std::vector<std::uint64_t> filled(frames_, 0);  // voxels, by frame
  for (std::size_t i = 0; i < z.slices.size(); ++i) filled[i / z.extent] += z.slices[i].nonzero;
  const auto fullest_frame = static_cast<double>(std::ranges::max(filled));
  std::vector<std::uint8_t> empty(frames_);
  for (std::size_t t = 0; t < frames_; ++t) {
    empty[t] = static_cast<double>(filled[t]) < kEmptyShare * fullest_frame ? 1 : 0;
    quality.empty_frames += empty[t];
    const auto now = z.slices.begin() + static_cast<std::ptrdiff_t>(t) * depth;
    quality.frozen_frames += t > 0 && !empty[t] && std::equal(now, now + depth, now - depth) ? 1 : 0;
  }
  const bool moves = quality.frozen_frames + quality.empty_frames + 1 < frames_;  // else every slice stands still
  for (const Axis& axis : axes_) quality.dead_slices += dead_slices(axis, empty, moves);
  return quality;
}

std::uint32_t FrameWatch::dead_slices(const Axis& axis, const std::vector<std::uint8_t>& empty, bool moves) {
  const std::size_t frames = empty.size();
  const auto slice = [&](std::size_t t, std::size_t at) { return axis.slices[t * axis.extent + at]; };
  std::vector<std::uint32_t> fullest(axis.extent, 0);  // of all frames, by slice
  for (std::size_t i = 0; i < axis.slices.size(); ++i)
    fullest[i % axis.extent] = std::max(fullest[i % axis.extent], axis.slices[i].nonzero);
  const auto small = static_cast<std::uint32_t>(kSmallSlice * std::ranges::max(fullest));
  const auto is_seen = [](std::uint32_t voxels) { return voxels > 0; };
  const auto first = std::ranges::find_if(fullest, is_seen);
  const auto last = std::find_if(fullest.rbegin(), fullest.rend(), is_seen).base();
  std::uint32_t dead = 0;
  for (auto voxels = first; voxels < last; ++voxels) {
    const auto at = static_cast<std::size_t>(voxels - fullest.begin());
    bool gap = *voxels == 0, still = frames > 2 && moves && *voxels > small;
    for (std::size_t t = 0; t < frames; ++t) {
      gap = gap || (!empty[t] && *voxels > small && slice(t, at).nonzero == 0);
      still = still && slice(t, at) == slice(0, at);
    }
    dead += gap || still ? 1 : 0;
  }
  return dead;
}

// Compared with medians over the frames: a spike does not raise them, as it would a mean or a spread.
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
    shares.push_back(m.count < kMinVoxels ? 0 : extremes.back() * extremes.back() / m.count);
    energies.push_back(m.squares / m.count + (m.mean - mean) * (m.mean - mean));
  }
  if (!(spread > 0)) return 0;
  const double usual = median(extremes), usual_energy = median(energies);
  std::uint32_t spikes = 0;
  for (std::size_t t = 0; t < extremes.size(); ++t) {
    const bool lone = extremes[t] > kLoneSpike && extremes[t] > kAboveOthers * usual;
    spikes +=
        extremes[t] > kSpike || lone || shares[t] > kMaxShareOfOne || energies[t] > kLoudFrame * usual_energy ? 1 : 0;
  }
  return spikes;
}

}  // namespace brainmt::prepare
