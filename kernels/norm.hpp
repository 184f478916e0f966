#pragma once
// LayerNorm and RMSNorm over the last axis, each optionally fused with the residual add in front of it:
//
//   r = residual + s[b] * hidden          (residual stream in Master<T>; s: one factor per sample, DropPath)
//   LayerNorm:  y = (r - mean(r)) * rstd * w + bias,   rstd = 1 / sqrt(mean((r - mean)^2) + eps)
//   RMSNorm:    y = r * rstd * w,                      rstd = 1 / sqrt(mean(r^2) + eps)
//
// R is the type of the normalised input (Master<T> for the residual stream, T inside the convolution stage), T that of
// the output: (float,float), (float,bf16), (bf16,bf16), (double,double).
#include "kernels/types.hpp"

namespace brainmt::kernels {

/// out[i,:] = residual[i,:] + scale[i / rows_per_sample] * hidden[i,:]. An empty `scale` means 1. `out` may be
/// `residual`.
template <class T>
void add_scaled(const Exec& exec, View2<Master<T>> out, View2<const Master<T>> residual, View2<const T> hidden,
                View1<const float> scale, std::size_t rows_per_sample);

/// Backward of add_scaled for its branch: dhidden = scale * dout (the residual's gradient is dout itself).
template <class T>
void add_scaled_bwd(const Exec& exec, View2<T> dhidden, View2<const Master<T>> dout, View1<const float> scale,
                    std::size_t rows_per_sample);

/// x, y: [rows, C]; mean, rstd: [rows], kept for the backward pass; w, bias: [C].
template <class R, class T>
void layer_norm_fwd(const Exec& exec, View2<T> y, View1<Master<T>> mean, View1<Master<T>> rstd, View2<const R> x,
                    View1<const Master<T>> w, View1<const Master<T>> bias, Master<T> eps);

/// dx is assigned, or added to when `accumulate` (dx already holds the gradient that arrives along the residual
/// stream).
template <class R, class T>
void layer_norm_bwd(const Exec& exec, View2<R> dx, View1<Master<T>> dw, View1<Master<T>> dbias, View2<const T> dy,
                    View2<const R> x, View1<const Master<T>> mean, View1<const Master<T>> rstd,
                    View1<const Master<T>> w, bool accumulate);

template <class R, class T>
void rms_norm_fwd(const Exec& exec, View2<T> y, View1<Master<T>> rstd, View2<const R> x, View1<const Master<T>> w,
                  Master<T> eps);

template <class R, class T>
void rms_norm_bwd(const Exec& exec, View2<R> dx, View1<Master<T>> dw, View2<const T> dy, View2<const R> x,
                  View1<const Master<T>> rstd, View1<const Master<T>> w, bool accumulate);

/// Residual add and RMSNorm in one pass over memory: residual_out = residual + scale * hidden; y =
/// RMSNorm(residual_out).
template <class T>
void add_rms_norm_fwd(const Exec& exec, View2<T> y, View2<Master<T>> residual_out, View1<Master<T>> rstd,
                      View2<const Master<T>> residual, View2<const T> hidden, View1<const float> scale,
                      std::size_t rows_per_sample, View1<const Master<T>> w, Master<T> eps);

/// Residual add and LayerNorm in one pass over memory.
template <class T>
void add_layer_norm_fwd(const Exec& exec, View2<T> y, View2<Master<T>> residual_out, View1<Master<T>> mean,
                        View1<Master<T>> rstd, View2<const Master<T>> residual, View2<const T> hidden,
                        View1<const float> scale, std::size_t rows_per_sample, View1<const Master<T>> w,
                        View1<const Master<T>> bias, Master<T> eps);

}  // namespace brainmt::kernels
