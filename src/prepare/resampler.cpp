#include "prepare/resampler.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>

#include "base/error.hpp"

namespace brainmt::prepare {
namespace {

constexpr double kLobes = 5;            // on each side
constexpr double kMinWeight = 0.5;      // sum of the weights below which too few frames are near
constexpr double kSamePosition = 1e-6;  // of a frame

double sinc(double x) {
  const double angle = std::numbers::pi * x;
  return std::abs(angle) < 1e-9 ? 1.0 : std::sin(angle) / angle;
}

}  // namespace

Resampler::Resampler(double step, std::int64_t frames, std::size_t voxels)
    : step_(step), support_(kLobes * std::max(1.0, step)), left_(frames), voxels_(voxels) {}

void Resampler::push(std::int64_t index, std::span<const float> frame) {
  BRAINMT_CHECK(index > last_ && frame.size() == voxels_, "frame {} comes after {}", index, last_);
  std::vector<float> copy;
  if (!spare_.empty()) {
    copy = std::move(spare_.back());
    spare_.pop_back();
  }
  copy.assign(frame.begin(), frame.end());
  kept_.push_back({index, std::move(copy)});
  last_ = index;
}

std::vector<Resampler::Term> Resampler::between(double position) const {
  const auto after =
      std::ranges::find_if(kept_, [&](const Kept& k) { return static_cast<double>(k.index) >= position; });
  if (after == kept_.end()) return {{1.0, kept_.back().frame.data()}};
  if (after == kept_.begin()) return {{1.0, after->frame.data()}};
  const auto before = std::prev(after);
  const double share =
      (position - static_cast<double>(before->index)) / static_cast<double>(after->index - before->index);
  return {{1.0 - share, before->frame.data()}, {share, after->frame.data()}};
}

std::vector<Resampler::Term> Resampler::terms(double position) const {
  const double width = std::max(1.0, step_);
  std::vector<Term> terms;
  double sum = 0;
  for (const Kept& kept : kept_) {
    const double distance = static_cast<double>(kept.index) - position;
    if (step_ <= 1 && std::abs(distance) < kSamePosition) return {{1.0, kept.frame.data()}};
    if (std::abs(distance) >= support_) continue;
    const double weight = sinc(distance / width) * sinc(distance / support_);
    terms.push_back({weight, kept.frame.data()});
    sum += weight;
  }
  if (sum < kMinWeight * width) return between(position);
  for (Term& term : terms) term.weight /= sum;
  return terms;
}

// Drops frames that no later position needs: outside the support, and not the last one before it.
void Resampler::forget(double position) {
  while (kept_.size() > 1 && static_cast<double>(kept_[0].index) <= position - support_ &&
         static_cast<double>(kept_[1].index) <= position) {
    spare_.push_back(std::move(kept_.front().frame));
    kept_.pop_front();
  }
}

bool Resampler::next(std::span<float> out) {
  const double position = static_cast<double>(done_) * step_;
  // Ready once a frame at or beyond the support has arrived: later frames have weight 0, and a gap has ended.
  if (left_ == 0 || !(ended_ || static_cast<double>(last_) >= position + support_)) return false;
  forget(position);
  const std::vector<Term> sum = terms(position);
  constexpr std::size_t kBlock = 2048;  // voxels; their sums stay in the nearest cache
  std::array<double, kBlock> total;
  for (std::size_t first = 0; first < voxels_; first += kBlock) {
    const std::size_t count = std::min(kBlock, voxels_ - first);
    total.fill(0.0);
    for (const Term& term : sum) {
      for (std::size_t i = 0; i < count; ++i) total[i] += term.weight * static_cast<double>(term.frame[first + i]);
    }
    for (std::size_t i = 0; i < count; ++i) out[first + i] = static_cast<float>(total[i]);
  }
  ++done_;
  --left_;
  return true;
}

}  // namespace brainmt::prepare
