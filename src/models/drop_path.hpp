#pragma once
// DropPath (stochastic depth, Huang et al. 2016) as in BrainMT. A draw is a pure function of (seed, step, sample,
// branch), so ranks, micro-batches and recomputation cannot change it.
#include <array>
#include <cstdint>
#include <vector>

#include "base/philox.hpp"
#include "models/model.hpp"

namespace brainmt::models {

/// Factors [B] float for each branch: 0 with the branch's rate, else 1 / (1 - rate). Undefined tensor: keep everything.
/// The factors of all branches are drawn at once and reach the device in one copy, here unless the context has them.
class DropPath {
 public:
  DropPath(double rate, std::array<int, 2> depth, const Pass& pass, std::int64_t batch)
      : DropPath(pass.training ? rate : 0, depth, batch) {
    if (rate_ == 0.0) return;
    factors_ = pass.draws ? pass.draws : Tensor::from_host(drawn(pass), {branch_count(), batch}, DType::kF32);
    BRAINMT_CHECK((factors_.shape() == Shape{branch_count(), batch}), "factors {}", factors_.shape().str());
  }

  /// The factors of every branch for the context's samples, [branches, B]; empty where everything is kept.
  static std::vector<float> draw(double rate, std::array<int, 2> depth, const Pass& pass) {
    const DropPath drop_path(pass.training ? rate : 0, depth, std::ssize(pass.samples));
    return drop_path.rate_ == 0.0 ? std::vector<float>{} : drop_path.drawn(pass);
  }

  Tensor mamba(std::size_t i) const { return factors(i); }
  Tensor mamba_end() const { return factors(mamba_blocks()); }
  Tensor attention(std::size_t i) const { return factors(mamba_blocks() + 1 + 2 * i); }
  Tensor mlp(std::size_t i) const { return factors(mamba_blocks() + 2 + 2 * i); }

 private:
  static constexpr std::uint32_t kStream = 0x100;

  DropPath(double rate, std::array<int, 2> depth, std::int64_t batch) : rate_(rate), depth_(depth), batch_(batch) {}

  std::size_t mamba_blocks() const { return static_cast<std::size_t>(depth_[0]); }
  // A branch for each Mamba block and one behind them, two for each attention block.
  std::size_t branches() const { return mamba_blocks() + 1 + 2 * static_cast<std::size_t>(depth_[1]); }
  std::int64_t branch_count() const { return static_cast<std::int64_t>(branches()); }
  // linspace(0, rate, blocks)[i]
  double ramp(std::size_t i) const {
    const int blocks = depth_[0] + depth_[1];
    return blocks < 2 ? 0.0 : rate_ * static_cast<double>(i) / (blocks - 1);
  }
  double rate_of(std::size_t branch) const {
    if (branch < mamba_blocks()) return branch == 0 ? 0.0 : ramp(branch - 1);
    if (branch == mamba_blocks()) return rate_;
    return ramp(mamba_blocks() + (branch - mamba_blocks() - 1) / 2);
  }
  std::vector<float> drawn(const Pass& pass) const {
    std::vector<float> keep;
    for (std::size_t branch = 0; branch < branches(); ++branch)
      for (std::int64_t b = 0; b < batch_; ++b)
        keep.push_back(draw_one(pass, branch, pass.samples.at(static_cast<std::size_t>(b))));
    return keep;
  }
  float draw_one(const Pass& pass, std::size_t branch, std::int64_t sample) const {
    const auto index = (static_cast<std::uint64_t>(pass.step) << 32) ^ static_cast<std::uint64_t>(sample);
    Philox random(pass.seed, kStream + static_cast<std::uint32_t>(branch), index);
    const double rate = rate_of(branch);
    return random.uniform() < rate ? 0.0f : static_cast<float>(1.0 / (1.0 - rate));
  }
  Tensor factors(std::size_t branch) const {
    if (rate_of(branch) == 0.0) return {};
    const auto row = static_cast<std::int64_t>(branch);
    return factors_.slice(row, row + 1).reshape({batch_});
  }

  double rate_;  // 0: no training
  std::array<int, 2> depth_;
  std::int64_t batch_;
  Tensor factors_;  // [branches, B]
};

}  // namespace brainmt::models
