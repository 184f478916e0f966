#pragma once
// y = x W^T + b over the last axis, and two of them with GELU between.
#include "autograd/tape.hpp"

namespace brainmt::autograd {

/// A weight [out, in] with its bias [out] (may be absent), or some of its output rows: a packed projection (q, k, v) is
/// one parameter of which a call may want a part.
struct Affine {
  Parameter* weight = nullptr;
  Parameter* bias = nullptr;
  std::int64_t begin = 0, end = -1;  // output rows [begin, end); end = -1 means all

  Affine outputs(std::int64_t first, std::int64_t last) const { return {weight, bias, first, last}; }
};

/// x: [..., in]; result [..., out] in type `out` (the activation type, or the master type for heads and residual
/// streams).
Var linear(Tape& tape, const Var& x, const Affine& affine, DType out);

/// second(gelu(first(x))) in x's type. Keeps what GELU saw and what it gave.
Var linear_gelu_linear(Tape& tape, const Var& x, const Affine& first, const Affine& second);

}  // namespace brainmt::autograd
