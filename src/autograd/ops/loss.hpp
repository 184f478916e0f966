#pragma once
// Losses of predictions against labels as operations (kernels/loss.hpp has the formulas).
#include "autograd/tape.hpp"

namespace brainmt::autograd {

/// output [B, K]; targets, weights: [B * K] master type; kinds: [K]. Returns [B, K], each with its weight.
Var label_loss(Tape& tape, const Var& output, const Tensor& targets, const Tensor& weights, const Tensor& kinds);

/// loss [B, K] of label_loss; log_variance [K]. Returns [B, K].
Var uncertainty_weighted(Tape& tape, const Var& loss, const Tensor& weights, Parameter& log_variance,
                         const Tensor& kinds);

}  // namespace brainmt::autograd
