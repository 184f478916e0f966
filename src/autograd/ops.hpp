#pragma once
// The differentiable operations; each is implemented, forward and backward, in ops/<name>.cpp. Letters as in
// kernels/types.hpp.
#include <vector>

#include "autograd/tape.hpp"
#include "dnn/conv3d.hpp"
#include "kernels/kinds.hpp"

namespace brainmt::autograd {

// Elementwise, without parameters.

Var activation(Tape& tape, const Var& x, kernels::Activation f);

/// a + b, of one shape and type.
Var add(Tape& tape, const Var& a, const Var& b);

// y = x W^T + b over the last axis, and two of them with GELU between.

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

/// second(gelu(first(x))) in x's type. Saves GELU's input and output.
Var linear_gelu_linear(Tape& tape, const Var& x, const Affine& first, const Affine& second);

// LayerNorm and RMSNorm over the last axis, and the residual add in front of them.

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

// Attention.

/// Multi-head softmax attention over all tokens of a sample. q: [B, Lq, C]; kv: [B, Lk, 2C], keys then values; result
/// [B, Lq, C]. C is divided over `heads`.
Var attention(Tape& tape, const Var& q, const Var& kv, int heads);

// The inside of a Mamba mixer, between its two projections: short convolution, input-dependent step sizes, selective
// scan, gate; in one direction or in both (Gu & Dao 2023, figure 3; Vision Mamba, Zhu et al. 2024, algorithm 1).
//
//   x, z = split(xz)
//   for each direction:  u = SiLU(conv1d(x));  (r, B, C) = split(x_proj(u));  delta = softplus(dt_proj(r));
//                        s = scan(u, delta, A, B, C, D)
//   out = SiLU(z) * sum over directions of s

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

// Volumes to features.

/// 3-D convolution with kernel k (from the weight), optionally followed by ReLU. x: [N, D, H, W, C] channels last;
/// weight: [out, C, k, k, k]; bias: [out] or nullptr.
Var conv3d(Tape& tape, const Var& x, Parameter& weight, Parameter* bias, const dnn::Conv3dOptions& options);

/// A convolution whose stride is its kernel's size: volumes cut into cubes, each of which one linear map projects.
/// x: [N, Y, X, Z, 1]; weight: [C, 1, K, K, K]; bias: [C]. Result [N, ceil(Y/K), ceil(X/K), ceil(Z/K), C]; what the
/// last cube of an axis lacks is zeros. Keeps x alone for the backward pass: the cubes are cut out again there.
Var patch_projection(Tape& tape, const Var& x, Parameter& weight, Parameter& bias);

// Frames to tokens, and picking rows out of the token sequence.

/// Frames [begin, end) of one sample of x [B, T, Y, X, Z], as [end - begin, Y, X, Z, 1].
Var slice_frames(Tape& tape, const Var& x, std::int64_t sample, std::int64_t begin, std::int64_t end);

/// Features [Tc, ..., C], the patches of a frame in any shape, of frames [first_frame, first_frame + Tc) of one sample.
struct FrameFeatures {
  Var features;
  std::int64_t sample, first_frame;
};

/// The temporal-first sequence [B, 1 + P*T, C] in the master type: CLS, then for each patch all frames, with the
/// position tables added. `chunks` cover every frame of every sample once. cls: [1, 1, C]; position: [1, 1 + P, C];
/// temporal: [1, T, C].
Var assemble_tokens(Tape& tape, const std::vector<FrameFeatures>& chunks, Parameter& cls, Parameter& position,
                    Parameter& temporal, std::int64_t batch);

/// Token 0 of every sample: [B, L, C] -> [B, 1, C].
Var cls_row(Tape& tape, const Var& tokens);

// Operations of networks on matrices between nodes (kernels/graph.hpp has the formulas).

/// x [B, P, C, Q] to [B, Q, C, P].
Var swap_nodes(Tape& tape, const Var& x);

/// rows [B, P, C], columns [B, Q, C] to [B, P, C, Q].
Var outer_sum(Tape& tape, const Var& rows, const Var& columns);

Var leaky_relu(Tape& tape, const Var& x, double slope);

/// x [B, C] times factors [C, B] float: dropout with factors of 0 and 1 / (1 - rate). Undefined factors: x.
Var scale_features(Tape& tape, const Var& x, const Tensor& factors);

// Losses of predictions against labels as operations (kernels/loss.hpp has the formulas).

/// output [B, K]; targets, weights: [B * K] master type; kinds: [K]. Returns [B, K], each with its weight.
Var label_loss(Tape& tape, const Var& output, const Tensor& targets, const Tensor& weights, const Tensor& kinds);

/// loss [B, K] of label_loss; log_variance [K]. Returns [B, K].
Var uncertainty_weighted(Tape& tape, const Var& loss, const Tensor& weights, Parameter& log_variance,
                         const Tensor& kinds);

}  // namespace brainmt::autograd
