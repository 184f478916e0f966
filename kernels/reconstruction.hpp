#pragma once
// What a masked autoencoder is trained on: which values of [V, T] were hidden, and the error of those alone.
#include "kernels/types.hpp"

namespace brainmt::kernels {

/// hidden[b, v, t] = 1 where token v T/p + t / p is not among the first `kept` (restore [N, B], kernels/masking.hpp),
/// else 0. hidden: [B, V, T].
void hidden_patches(const Exec& exec, View3<float> hidden, View2<const float> restore, std::size_t kept,
                    std::size_t patch);

/// y[b, v] = (x[b, v] - mean) / sqrt(unbiased variance + eps), over the frames of one parcel. x, y: [B, V, T].
template <class M>
void standardise_rows(const Exec& exec, View3<M> y, View3<const M> x, double eps);

/// y = tanh(x); y may be x.
template <class M>
void tanh_fwd(const Exec& exec, View1<M> y, View1<const M> x);
/// dx = (1 - y^2) dy, y the result; dx may be dy.
template <class M>
void tanh_bwd(const Exec& exec, View1<M> dx, View1<const M> dy, View1<const M> y);

/// loss[b] = weight[b] sum over hidden values of (y - x)^2, or |y - x| with `absolute`.
/// loss, weight: [B]; y (the prediction), x, hidden: [B, V, T].
template <class M>
void hidden_loss_fwd(const Exec& exec, View1<M> loss, View3<const M> y, View3<const M> x, View3<const float> hidden,
                     View1<const M> weight, bool absolute);
/// dy[b] = dloss[b] weight[b] times 2 (y - x), or its sign, where hidden; else 0. Assigned.
template <class M>
void hidden_loss_bwd(const Exec& exec, View3<M> dy, View1<const M> dloss, View3<const M> y, View3<const M> x,
                     View3<const float> hidden, View1<const M> weight, bool absolute);

}  // namespace brainmt::kernels
