#pragma once
// AdamW over a parameter store: first and second moments in two flat tensors laid out like the values, weight decay
// only where Parameter::decay says so, optional layer-wise learning rates, and clipping by the norm of all gradients
// together.
#include <cstdint>
#include <vector>

#include "config/config.hpp"
#include "nn/parameter.hpp"

namespace brainmt::nn {

struct AdamWSettings {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-6;
  double weight_decay = 0.05;
  double layer_decay = 1.0;  // the learning rate of layer l is lr * layer_decay^(last layer - l); 1 switches it off
  double clip_norm = 0.0;    // gradients with a larger norm are scaled down to it; 0 switches it off

  static AdamWSettings from_config(const config::Config& config);  // optimizer.*
};

class AdamW {
 public:
  /// Moments start at zero. `store` must be allocated and outlive the optimiser.
  AdamW(nn::ParameterStore& store, const AdamWSettings& settings);

  /// Zeroes the gradients of frozen parameters; must precede gradient_norm() where there are any.
  void drop_frozen_gradients() const;
  /// Euclidean norm of all gradients, summed in double in an order fixed by the layout.
  double gradient_norm() const;
  /// One update with the store's gradients, clipped by `norm` (what gradient_norm() returned); renews the compute
  /// copies.
  void step(double lr, double norm);

  /// Updates done so far: the t of the bias corrections.
  std::int64_t updates() const { return updates_; }
  void set_updates(std::int64_t updates) { updates_ = updates; }
  /// All moments, [flat_count], or those of one parameter, [count]; master type.
  const Tensor& first_moments() const { return m_; }
  const Tensor& second_moments() const { return v_; }
  Tensor first_moment(const nn::Parameter& p) const { return part_of(m_, p); }
  Tensor second_moment(const nn::Parameter& p) const { return part_of(v_, p); }

 private:
  static Tensor part_of(const Tensor& flat, const nn::Parameter& p);

  nn::ParameterStore& store_;
  AdamWSettings settings_;
  std::vector<double> lr_scale_;  // by parameter index
  Tensor m_, v_;
  std::int64_t updates_ = 0;
};

}  // namespace brainmt::nn
