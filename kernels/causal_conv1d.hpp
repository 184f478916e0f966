#pragma once
// Causal depthwise convolution over time with bias, then SiLU (the short convolution of a Mamba mixer), K <= 8 taps:
//
//   a[t,e] = bias[e] + sum_k w[e,k] * x[t - (K-1) + k, e]        forward   (x outside the sample is 0)
//   a[t,e] = bias[e] + sum_k w[e,k] * x[t + (K-1) - k, e]        reverse
//   y[t,e] = a * sigmoid(a)
//
// Backward recomputes a from x.
#include "kernels/types.hpp"

namespace brainmt::kernels {

/// y, x: [B*L, E]; w: [E, K]; bias: [E].
template <class T>
void causal_conv1d_silu_fwd(const Exec& exec, MatrixView<T> y, MatrixView<const T> x, View2<const Master<T>> w,
                            View1<const Master<T>> bias, std::size_t batch, std::size_t length, Direction direction);

/// dx is assigned, or added to when `accumulate` (second direction over the same x); dw, dbias are added to.
template <class T>
void causal_conv1d_silu_bwd(const Exec& exec, MatrixView<T> dx, View2<Master<T>> dw, View1<Master<T>> dbias,
                            MatrixView<const T> dy, MatrixView<const T> x, View2<const Master<T>> w,
                            View1<const Master<T>> bias, std::size_t batch, std::size_t length, Direction direction,
                            bool accumulate);

}  // namespace brainmt::kernels
