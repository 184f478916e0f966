#pragma once
// A filter of K taps (K odd) along the token axis, one for each head and the same for all its channels, zeros outside of
// the sequence (the convolution beside BrainLM's attention):
//
//   y[l,c]  = sum_k w[h,k] x[l + k - K/2, c]           h = c / (C / H)
//   dx[l,c] = sum_k w[h,k] dy[l - k + K/2, c]
//   dw[h,k] = sum over samples, l and the channels of h of dy[l,c] x[l + k - K/2, c]
//
// oneDNN's depthwise weight gradient is wrong from 61 taps on (2.6.3), hence this kernel.
#include "kernels/types.hpp"

namespace brainmt::kernels {

inline constexpr std::size_t kMaxFilterTaps = 127;

/// y, x: [B*L, C], rows may lie apart; w: [H, K].
template <class T>
void token_filter_fwd(const Exec& exec, MatrixView<T> y, MatrixView<const T> x, View2<const Master<T>> w,
                      std::size_t batch);
/// dx is assigned.
template <class T>
void token_filter_bwd_data(const Exec& exec, MatrixView<T> dx, MatrixView<const T> dy, View2<const Master<T>> w,
                           std::size_t batch);
/// dw is added to.
template <class T>
void token_filter_bwd_weights(const Exec& exec, View2<Master<T>> dw, MatrixView<const T> dy, MatrixView<const T> x,
                              std::size_t batch);

}  // namespace brainmt::kernels
