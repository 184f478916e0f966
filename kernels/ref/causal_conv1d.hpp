#pragma once
// Causal depthwise convolution over time with bias and SiLU, by plain loops. With p counting tokens in scan order
// (kernels/kinds.hpp) and x = 0 in front of the sequence:
//
//   a_p = bias + sum_k w[k] x_{p - (K-1) + k},   y_p = SiLU(a_p)
//
// Backward: da_p = dy_p SiLU'(a_p);  dx_{p - (K-1) + k} += w[k] da_p;  dw[k] += da_p x_{p - (K-1) + k};  dbias += da_p.
#include "base/matrix_view.hpp"
#include "kernels/kinds.hpp"
#include "kernels/ref/activations.hpp"

namespace brainmt::kernels::ref {

struct ConvShape {
  std::size_t batch, length, channels, taps;  // B, L, E, K
  Direction direction;

  /// Row of the token at a position of one sample.
  std::size_t row(std::size_t sample, std::size_t position) const {
    return sample * length + token_at(direction, position, length);
  }
  /// Taps that fall in front of the sequence at this position: k starts from here.
  std::size_t first_tap(std::size_t position) const { return position + 1 < taps ? taps - 1 - position : 0; }
};

/// a_p of channel e; w: [E, K], bias: [E].
template <class S>
S conv_before_silu(MatrixView<const S> x, const S* w, const S* bias, const ConvShape& shape, std::size_t sample,
                   std::size_t position, std::size_t e) {
  S a = bias[e];
  for (std::size_t k = shape.first_tap(position); k < shape.taps; ++k)
    a += w[e * shape.taps + k] * x(shape.row(sample, position + k + 1 - shape.taps), e);
  return a;
}

/// y, x: [B*L, E].
template <class S>
void causal_conv1d_silu_fwd(MatrixView<S> y, MatrixView<const S> x, const S* w, const S* bias, const ConvShape& shape) {
  for (std::size_t sample = 0; sample < shape.batch; ++sample)
    for (std::size_t p = 0; p < shape.length; ++p)
      for (std::size_t e = 0; e < shape.channels; ++e)
        y(shape.row(sample, p), e) = Silu::value(conv_before_silu(x, w, bias, shape, sample, p, e));
}

/// dx is assigned, or added to when `accumulate`; dw, dbias are added to.
template <class S>
void causal_conv1d_silu_bwd(MatrixView<S> dx, S* dw, S* dbias, MatrixView<const S> dy, MatrixView<const S> x,
                            const S* w, const S* bias, const ConvShape& shape, bool accumulate) {
  if (!accumulate)
    for (std::size_t row = 0; row < shape.batch * shape.length; ++row)
      for (std::size_t e = 0; e < shape.channels; ++e) dx(row, e) = S(0);
  for (std::size_t sample = 0; sample < shape.batch; ++sample)
    for (std::size_t p = 0; p < shape.length; ++p)
      for (std::size_t e = 0; e < shape.channels; ++e) {
        const S a = conv_before_silu(x, w, bias, shape, sample, p, e);
        const S da = dy(shape.row(sample, p), e) * Silu::slope(a);
        dbias[e] += da;
        for (std::size_t k = shape.first_tap(p); k < shape.taps; ++k) {
          const std::size_t row = shape.row(sample, p + k + 1 - shape.taps);
          dx(row, e) += w[e * shape.taps + k] * da;
          dw[e * shape.taps + k] += da * x(row, e);
        }
      }
}

}  // namespace brainmt::kernels::ref
