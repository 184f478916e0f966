#pragma once
// The learning rate of a step: linear warm-up, then a cosine to min_lr, both counted in optimiser steps.
//     step <  W:  lr * (step + 1) / W
//     step >= W:  min_lr + (lr - min_lr) * (1 + cos(pi * p)) / 2,   p = (step + 1 - W) / (N - W), at most 1
// So step W - 1 has lr and step N - 1 has min_lr.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "config/config.hpp"

namespace brainmt::train {

struct ScheduleSettings {
  int epochs = 20;
  double lr = 2e-4, min_lr = 1e-6;
  double warmup_epochs = 5;

  static ScheduleSettings from_config(const config::Config& config) {
    return {.epochs = config.get<int>("run.epochs"),
            .lr = config.get<double>("optimizer.lr"),
            .min_lr = config.get<double>("scheduler.min_lr"),
            .warmup_epochs = config.get<double>("scheduler.warmup_epochs")};
  }
};

class LearningRateSchedule {
 public:
  LearningRateSchedule(const ScheduleSettings& settings, std::int64_t steps_per_epoch)
      : settings_(settings),
        warmup_steps_(std::llround(settings.warmup_epochs * static_cast<double>(steps_per_epoch))),
        total_steps_(settings.epochs * steps_per_epoch) {}

  /// `step` counts from 0; later steps than the last keep min_lr.
  double at(std::int64_t step) const {
    const double lr = settings_.lr, min_lr = settings_.min_lr;
    if (step < warmup_steps_) return lr * static_cast<double>(step + 1) / static_cast<double>(warmup_steps_);
    const double decay_steps = static_cast<double>(std::max<std::int64_t>(total_steps_ - warmup_steps_, 1));
    const double p = std::min(static_cast<double>(step + 1 - warmup_steps_) / decay_steps, 1.0);
    return min_lr + (lr - min_lr) * 0.5 * (1.0 + std::cos(std::numbers::pi * p));
  }

 private:
  ScheduleSettings settings_;
  std::int64_t warmup_steps_;  // W
  std::int64_t total_steps_;   // N
};

}  // namespace brainmt::train
