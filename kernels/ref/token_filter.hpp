#pragma once
// A filter along the token axis by plain loops (kernels/token_filter.hpp has the formulas).
#include "base/error.hpp"
#include "base/matrix_view.hpp"

namespace brainmt::kernels {

struct FilterShape {
  std::size_t batch, length, channels, heads, taps;  // B, L, C, H, K

  BRAINMT_HOST_DEVICE std::size_t width() const { return channels / heads; }  // of a head
  BRAINMT_HOST_DEVICE std::size_t half() const { return taps / 2; }
};

namespace ref {

/// y[l] = sum_k w[k] x[l + k - K/2]; `flipped`: the taps in reverse order, which is the gradient in x.
template <class S>
void token_filter(MatrixView<S> y, MatrixView<const S> x, const S* w, const FilterShape& s, bool flipped) {
  for (std::size_t b = 0; b < s.batch; ++b)
    for (std::size_t l = 0; l < s.length; ++l)
      for (std::size_t c = 0; c < s.channels; ++c) {
        const S* filter = w + c / s.width() * s.taps;
        S sum = 0;
        for (std::size_t k = 0; k < s.taps; ++k) {
          const std::size_t at = l + k - s.half();  // wraps to a huge number in front of the sequence
          if (at < s.length) sum += filter[flipped ? s.taps - 1 - k : k] * x(b * s.length + at, c);
        }
        y(b * s.length + l, c) = sum;
      }
}

template <class S>
void token_filter_bwd_weights(S* dw, MatrixView<const S> dy, MatrixView<const S> x, const FilterShape& s) {
  for (std::size_t b = 0; b < s.batch; ++b)
    for (std::size_t l = 0; l < s.length; ++l)
      for (std::size_t k = 0; k < s.taps; ++k) {
        const std::size_t at = l + k - s.half();
        if (at >= s.length) continue;
        for (std::size_t c = 0; c < s.channels; ++c)
          dw[c / s.width() * s.taps + k] += dy(b * s.length + l, c) * x(b * s.length + at, c);
      }
}

}  // namespace ref
}  // namespace brainmt::kernels
