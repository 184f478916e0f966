#pragma once
// Operations of networks on matrices between nodes (kernels/graph.hpp has the formulas).
#include "autograd/tape.hpp"

namespace brainmt::autograd {

/// x [B, P, C, Q] to [B, Q, C, P].
Var swap_nodes(Tape& tape, const Var& x);

/// rows [B, P, C], columns [B, Q, C] to [B, P, C, Q].
Var outer_sum(Tape& tape, const Var& rows, const Var& columns);

Var leaky_relu(Tape& tape, const Var& x, double slope);

/// x [B, C] times factors [C, B] float: dropout with factors of 0 and 1 / (1 - rate). Undefined factors: x.
Var scale_features(Tape& tape, const Var& x, const Tensor& factors);

}  // namespace brainmt::autograd
