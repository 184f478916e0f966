#pragma once
// DropPath (stochastic depth, Huang et al. 2016) as BrainMT places it. A draw is a pure function of (seed, step,
// sample, place), so ranks, micro-batches and recomputation cannot change it.
#include <array>
#include <cstdint>

#include "models/brainmt.hpp"

namespace brainmt::models {

/// Factors [B] float for each branch: 0 with the branch's rate, else 1 / (1 - rate). Undefined tensor: keep everything.
class DropPath {
 public:
  DropPath(double rate, std::array<int, 2> depth, const ForwardContext& context, std::int64_t batch)
      : rate_(rate), depth_(depth), context_(context), batch_(batch) {}

  Tensor mamba(std::size_t i) const { return factors(i, i == 0 ? 0.0 : ramp(i - 1)); }
  Tensor mamba_end() const { return factors(mamba_blocks(), rate_); }
  Tensor attention(std::size_t i) const { return factors(mamba_blocks() + 1 + 2 * i, ramp(mamba_blocks() + i)); }
  Tensor mlp(std::size_t i) const { return factors(mamba_blocks() + 2 + 2 * i, ramp(mamba_blocks() + i)); }

 private:
  static constexpr std::uint32_t kStream = 0x100;

  std::size_t mamba_blocks() const { return static_cast<std::size_t>(depth_[0]); }
  // linspace(0, rate, blocks)[i]
  double ramp(std::size_t i) const {
    const int blocks = depth_[0] + depth_[1];
    return blocks < 2 ? 0.0 : rate_ * static_cast<double>(i) / (blocks - 1);
  }
  Tensor factors(std::size_t place, double rate) const {
    if (!context_.training || rate == 0.0) return {};
    std::vector<float> keep;
    for (std::int64_t b = 0; b < batch_; ++b) {
      const auto sample = static_cast<std::uint64_t>(context_.samples.at(static_cast<std::size_t>(b)));
      const auto index = (static_cast<std::uint64_t>(context_.step) << 32) ^ sample;
      Philox random(context_.seed, kStream + static_cast<std::uint32_t>(place), index);
      keep.push_back(random.uniform() < rate ? 0.0f : static_cast<float>(1.0 / (1.0 - rate)));
    }
    return Tensor::from_host(keep, {batch_}, DType::kF32);
  }

  double rate_;
  std::array<int, 2> depth_;
  const ForwardContext& context_;
  std::int64_t batch_;
};

}  // namespace brainmt::models
