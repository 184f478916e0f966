#pragma once
// Elementwise operations without parameters.
#include "autograd/tape.hpp"
#include "kernels/activation_kind.hpp"

namespace brainmt::autograd {

Var activation(Tape& tape, const Var& x, kernels::Activation f);

/// a + b, of one shape and type.
Var add(Tape& tape, const Var& a, const Var& b);

}  // namespace brainmt::autograd
