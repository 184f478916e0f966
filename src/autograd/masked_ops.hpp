#pragma once
// Operations of masked autoencoders of parcel series (BrainLM), besides those of ops.hpp. `order` and `restore` [N, B]
// as in kernels/masking.hpp.
#include "autograd/ops.hpp"
#include "kernels/image.hpp"

namespace brainmt::autograd {

/// Multi-head softmax attention with queries, keys and values of their own. All [B, L, C].
Var attention(Tape& tape, const Var& q, const Var& k, const Var& v, int heads);

/// The same by `landmarks` means of runs of rows and six iterations of an inverse (Xiong et al. 2021, as BrainLM has
/// it; kernels/landmarks.hpp has the formulas). `landmarks` divides L.
Var landmark_attention(Tape& tape, const Var& q, const Var& k, const Var& v, int heads, std::int64_t landmarks);

/// The filter along tokens of kernels/token_filter.hpp. x: [B, L, C]; weight: [H, 1, K, 1].
Var token_filter(Tape& tape, const Var& x, Parameter& weight);

/// Class row and kept tokens: tokens [B, N, C], cls [1, 1, C], offset [C] or undefined; result [B, 1 + kept, C]. With
/// undefined order and restore, all tokens in natural order.
Var keep_tokens(Tape& tape, const Var& tokens, Parameter& cls, const Tensor& offset, const Tensor& order,
                const Tensor& restore, std::int64_t kept);

/// Tokens in natural order, hidden ones replaced: x [B, 1 + K, C], mask [1, 1, C]; result [B, 1 + N, C].
Var restore_tokens(Tape& tape, const Var& x, Parameter& mask, const Tensor& order, const Tensor& restore);

/// Rows 1 .. L-1 of each sample: [B, L, C] -> [B, L - 1, C].
Var drop_class_row(Tape& tape, const Var& x);

/// x [B, first + V P, C] plus parcels [V, C] plus time [P, C] (master type; time may be undefined, then P is 1), but for
/// the first rows.
Var add_positions(Tape& tape, const Var& x, const Var& parcels, const Tensor& time, std::int64_t first);

/// Dropout of kernels/dropout.hpp; x: [B, ...]; keys: [2, B], undefined: x.
Var dropout(Tape& tape, const Var& x, const Tensor& keys, std::uint32_t stream, double rate);

/// tanh of values in the master type.
Var tanh(Tape& tape, const Var& x);

/// Patches of the canvas, [B, N, 3 p p], of x [B, V, T]; `order` [V] float.
Var canvas_patches(Tape& tape, const Var& x, const Tensor& order, const kernels::Canvas& canvas, double scale);
/// [B, V, T] of predictions [B, N, p p 3] in the master type.
Var canvas_pixels(Tape& tape, const Var& prediction, const Tensor& order, const kernels::Canvas& canvas);

/// Loss of kernels/reconstruction.hpp: [B, 1]. prediction, target [B, V, T] and weights [B] in the master type; hidden
/// float.
Var hidden_loss(Tape& tape, const Var& prediction, const Tensor& target, const Tensor& hidden, const Tensor& weights,
                bool absolute);

}  // namespace brainmt::autograd
