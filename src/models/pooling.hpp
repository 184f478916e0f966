#pragma once
// What the variants of BrainLM share behind their encoders: pooled rows, the published head, the draws of a pass.
#include <memory>

#include "models/model.hpp"
#include "nn/modules.hpp"

namespace brainmt::models {

/// Mean of rows 1 .. L-1 of h [B, L, C], or of rows 1 + t of `tokens`: [B, C], master type.
Tensor mean_over_tokens(const Tensor& h);
Tensor mean_over_tokens(const Tensor& h, const std::vector<std::int64_t>& tokens);

/// The variable itself where it has the master type, else its value in it, without a gradient.
autograd::Var in_master(const autograd::Var& x);

/// pass.draws, or what the model draws for the pass, in device memory; undefined where it draws nothing.
Tensor draws_of(const Model& model, const Pass& pass, std::int64_t batch);

/// The published head of fine-tuning: three linear maps, of widths d/2, d/2 and K, with ReLU between.
struct MlpHead {
  nn::Linear lin1, lin2, lin3;

  MlpHead(const nn::Scope& scope, std::int64_t width, std::int64_t outputs);
  /// x: [B, d]; result [B, K] in the master type.
  autograd::Var operator()(autograd::Tape& tape, const autograd::Var& x) const;
};

}  // namespace brainmt::models
