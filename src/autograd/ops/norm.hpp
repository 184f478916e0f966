#pragma once
// LayerNorm and RMSNorm over the last axis, and the residual add in front of them.
#include "autograd/tape.hpp"

namespace brainmt::autograd {

/// Result in type `out`; x in the master type or in `out`.
Var layer_norm(Tape& tape, const Var& x, Parameter& weight, Parameter& bias, double eps, DType out);
Var rms_norm(Tape& tape, const Var& x, Parameter& weight, double eps, DType out);

/// residual + scale[b] * branch in the master type; `scale` [B] float is DropPath's factor, undefined means 1.
Var residual_add(Tape& tape, const Var& residual, const Var& branch, const Tensor& scale);

struct NormedResidual {
  Var normed;    // RMSNorm(residual) in the branch's type
  Var residual;  // residual + scale * branch, master type
};
/// residual_add and rms_norm in one pass over memory.
NormedResidual add_rms_norm(Tape& tape, const Var& residual, const Var& branch, const Tensor& scale, Parameter& weight,
                            double eps);

}  // namespace brainmt::autograd
