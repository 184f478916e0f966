#pragma once
// DropPath (stochastic depth, Huang et al. 2016) as BrainMT places it. A draw is a pure function of (seed, step,
// sample, place), so ranks, micro-batches and recomputation cannot change it.
#include <array>
#include <cstdint>
#include <vector>

#include "base/philox.hpp"
#include "models/brainmt.hpp"

namespace brainmt::models {

/// Factors [B] float for each branch: 0 with the branch's rate, else 1 / (1 - rate). Undefined tensor: keep everything.
/// The factors of all branches are drawn at once and reach the device in one copy.
class DropPath {
 public:
  DropPath(double rate, std::array<int, 2> depth, const ForwardContext& context, std::int64_t batch)
      : rate_(context.training ? rate : 0), depth_(depth), batch_(batch) {
    if (rate_ == 0.0) return;
    std::vector<float> keep;
    for (std::size_t place = 0; place < places(); ++place)
      for (std::int64_t b = 0; b < batch; ++b)
        keep.push_back(draw(context, place, context.samples.at(static_cast<std::size_t>(b))));
    factors_ = Tensor::from_host(keep, {static_cast<std::int64_t>(places()), batch}, DType::kF32);
  }

  Tensor mamba(std::size_t i) const { return factors(i); }
  Tensor mamba_end() const { return factors(mamba_blocks()); }
  Tensor attention(std::size_t i) const { return factors(mamba_blocks() + 1 + 2 * i); }
  Tensor mlp(std::size_t i) const { return factors(mamba_blocks() + 2 + 2 * i); }

 private:
  static constexpr std::uint32_t kStream = 0x100;

  std::size_t mamba_blocks() const { return static_cast<std::size_t>(depth_[0]); }
  // A place for each Mamba block and one behind them, two for each attention block.
  std::size_t places() const { return mamba_blocks() + 1 + 2 * static_cast<std::size_t>(depth_[1]); }
  // linspace(0, rate, blocks)[i]
  double ramp(std::size_t i) const {
    const int blocks = depth_[0] + depth_[1];
    return blocks < 2 ? 0.0 : rate_ * static_cast<double>(i) / (blocks - 1);
  }
  double rate_of(std::size_t place) const {
    if (place < mamba_blocks()) return place == 0 ? 0.0 : ramp(place - 1);
    if (place == mamba_blocks()) return rate_;
    return ramp(mamba_blocks() + (place - mamba_blocks() - 1) / 2);
  }
  float draw(const ForwardContext& context, std::size_t place, std::int64_t sample) const {
    const auto index = (static_cast<std::uint64_t>(context.step) << 32) ^ static_cast<std::uint64_t>(sample);
    Philox random(context.seed, kStream + static_cast<std::uint32_t>(place), index);
    const double rate = rate_of(place);
    return random.uniform() < rate ? 0.0f : static_cast<float>(1.0 / (1.0 - rate));
  }
  Tensor factors(std::size_t place) const {
    if (rate_of(place) == 0.0) return {};
    const auto row = static_cast<std::int64_t>(place);
    return factors_.slice(row, row + 1).reshape({batch_});
  }

  double rate_;  // 0: no training
  std::array<int, 2> depth_;
  std::int64_t batch_;
  Tensor factors_;  // [places, B]
};

}  // namespace brainmt::models
