#pragma once
// Multi-head softmax attention over all tokens of a sample.
#include "autograd/tape.hpp"

namespace brainmt::autograd {

/// q: [B, Lq, C]; kv: [B, Lk, 2C], keys then values; result [B, Lq, C]. C is divided over `heads`.
Var attention(Tape& tape, const Var& q, const Var& kv, int heads);

}  // namespace brainmt::autograd
