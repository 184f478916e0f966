#pragma once
// The inside of a Mamba mixer, between its two projections: short convolution, input-dependent step sizes, selective
// scan, gate; in one direction or in both (Gu & Dao 2023, figure 3; Vision Mamba, Zhu et al. 2024, algorithm 1).
//
//   x, z = split(xz)
//   for each direction:  u = SiLU(conv1d(x));  (r, B, C) = split(x_proj(u));  delta = softplus(dt_proj(r));
//                        s = scan(u, delta, A, B, C, D)
//   out = SiLU(z) * sum over directions of s
#include <vector>

#include "autograd/tape.hpp"
#include "kernels/direction.hpp"

namespace brainmt::autograd {

/// Parameters of one direction (shapes as published).
struct MixerDirection {
  kernels::Direction direction = kernels::Direction::kForward;
  Parameter* conv_weight = nullptr;  // [E, 1, K]
  Parameter* conv_bias = nullptr;    // [E]
  Parameter* x_proj = nullptr;       // [R + 2N, E]
  Parameter* dt_weight = nullptr;    // [E, R]
  Parameter* dt_bias = nullptr;      // [E]
  Parameter* a_log = nullptr;        // [E, N]
  Parameter* d = nullptr;            // [E]
};

/// xz: [B, L, 2E] activation type; result [B, L, E].
Var mixer_scan(Tape& tape, const Var& xz, const std::vector<MixerDirection>& directions);

}  // namespace brainmt::autograd
