#pragma once
// The learning rate of a step: linear warm-up, then a cosine to min_lr, both counted in optimiser steps.
//     step <  W:  lr * (step + 1) / W
//     step >= W:  min_lr + (lr - min_lr) * (1 + cos(pi * p)) / 2,   p = (step + 1 - W) / (N - W), at most 1
// So step W - 1 has lr and step N - 1 has min_lr.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace brainmt::train {

struct LearningRateSchedule {
  double lr = 2e-4;
  double min_lr = 1e-6;
  std::int64_t warmup_steps = 0;  // W
  std::int64_t total_steps = 1;   // N

  /// `step` counts from 0; later steps than the last keep min_lr.
  double at(std::int64_t step) const {
    if (step < warmup_steps) return lr * static_cast<double>(step + 1) / static_cast<double>(warmup_steps);
    const double decay_steps = static_cast<double>(std::max<std::int64_t>(total_steps - warmup_steps, 1));
    const double p = std::min(static_cast<double>(step + 1 - warmup_steps) / decay_steps, 1.0);
    return min_lr + (lr - min_lr) * 0.5 * (1.0 + std::cos(std::numbers::pi * p));
  }
};

}  // namespace brainmt::train
