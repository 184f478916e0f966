#pragma once
// 3-D cross-correlation with zero padding by plain loops, channels last:
//
//   y[n, d, h, w, o] = bias[o] + sum_{i, a, b, c} W[o, i, a, b, c] x[n, d s + a - p, h s + b - p, w s + c - p, i]
//
// x: [N, in extents, C_in], y: [N, out extents, C_out], W: [C_out, C_in, k, k, k]; s the stride, p the padding.
// Gradient contract: dx is assigned; dW and dbias are added to.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/shapes.hpp"

namespace brainmt::kernels::ref {

namespace detail {

// Calls f(output voxel, input voxel, tap) for every pair of voxels that the kernel links; taps outside are skipped.
template <class F>
void for_each_link(const Conv3dShape& s, F&& f) {
  std::array<std::int64_t, 3> o{}, tap{};
  const auto input = [&](int axis) { return o[axis] * s.stride + tap[axis] - s.padding; };
  const auto inside = [&](int axis) { return input(axis) >= 0 && input(axis) < s.in[axis]; };
  for (std::int64_t n = 0; n < s.batch; ++n)
    for (o[0] = 0; o[0] < s.out[0]; ++o[0])
      for (o[1] = 0; o[1] < s.out[1]; ++o[1])
        for (o[2] = 0; o[2] < s.out[2]; ++o[2])
          for (tap[0] = 0; tap[0] < s.kernel; ++tap[0])
            for (tap[1] = 0; tap[1] < s.kernel; ++tap[1])
              for (tap[2] = 0; tap[2] < s.kernel; ++tap[2])
                if (inside(0) && inside(1) && inside(2))
                  f(((n * s.out[0] + o[0]) * s.out[1] + o[1]) * s.out[2] + o[2],
                    ((n * s.in[0] + input(0)) * s.in[1] + input(1)) * s.in[2] + input(2),
                    (tap[0] * s.kernel + tap[1]) * s.kernel + tap[2]);
}

// [C_out, C_in, taps] -> [taps, C_in, C_out], so that the loops over channels are contiguous.
template <class S>
std::vector<S> taps_first(const S* w, const Conv3dShape& s) {
  std::vector<S> packed(static_cast<std::size_t>(s.taps() * s.in_channels * s.out_channels));
  for (std::int64_t o = 0; o < s.out_channels; ++o)
    for (std::int64_t i = 0; i < s.in_channels; ++i)
      for (std::int64_t t = 0; t < s.taps(); ++t)
        packed[(t * s.in_channels + i) * s.out_channels + o] = w[(o * s.in_channels + i) * s.taps() + t];
  return packed;
}

}  // namespace detail

/// `bias` may be null.
template <class S>
void conv3d_fwd(S* y, const S* x, const S* w, const S* bias, const Conv3dShape& s) {
  const std::vector<S> packed = detail::taps_first(w, s);
  for (std::int64_t v = 0; v < s.out_voxels(); ++v)
    for (std::int64_t o = 0; o < s.out_channels; ++o) y[v * s.out_channels + o] = bias ? bias[o] : S(0);
  detail::for_each_link(s, [&](std::int64_t out, std::int64_t in, std::int64_t tap) {
    S* yv = y + out * s.out_channels;
    for (std::int64_t i = 0; i < s.in_channels; ++i) {
      const S value = x[in * s.in_channels + i];
      const S* wi = packed.data() + (tap * s.in_channels + i) * s.out_channels;
      for (std::int64_t o = 0; o < s.out_channels; ++o) yv[o] += value * wi[o];
    }
  });
}

template <class S>
void conv3d_bwd_data(S* dx, const S* dy, const S* w, const Conv3dShape& s) {
  const std::vector<S> packed = detail::taps_first(w, s);
  std::fill_n(dx, s.in_voxels() * s.in_channels, S(0));
  detail::for_each_link(s, [&](std::int64_t out, std::int64_t in, std::int64_t tap) {
    const S* dyv = dy + out * s.out_channels;
    for (std::int64_t i = 0; i < s.in_channels; ++i) {
      const S* wi = packed.data() + (tap * s.in_channels + i) * s.out_channels;
      S sum = 0;
      for (std::int64_t o = 0; o < s.out_channels; ++o) sum += dyv[o] * wi[o];
      dx[in * s.in_channels + i] += sum;
    }
  });
}

/// `dbias` may be null.
template <class S>
void conv3d_bwd_weights(S* dw, S* dbias, const S* dy, const S* x, const Conv3dShape& s) {
  std::vector<S> packed(static_cast<std::size_t>(s.taps() * s.in_channels * s.out_channels), S(0));
  detail::for_each_link(s, [&](std::int64_t out, std::int64_t in, std::int64_t tap) {
    const S* dyv = dy + out * s.out_channels;
    for (std::int64_t i = 0; i < s.in_channels; ++i) {
      const S value = x[in * s.in_channels + i];
      S* dwi = packed.data() + (tap * s.in_channels + i) * s.out_channels;
      for (std::int64_t o = 0; o < s.out_channels; ++o) dwi[o] += value * dyv[o];
    }
  });
  for (std::int64_t o = 0; o < s.out_channels; ++o)
    for (std::int64_t i = 0; i < s.in_channels; ++i)
      for (std::int64_t t = 0; t < s.taps(); ++t)
        dw[(o * s.in_channels + i) * s.taps() + t] += packed[(t * s.in_channels + i) * s.out_channels + o];
  if (dbias)
    for (std::int64_t v = 0; v < s.out_voxels(); ++v)
      for (std::int64_t o = 0; o < s.out_channels; ++o) dbias[o] += dy[v * s.out_channels + o];
}

}  // namespace brainmt::kernels::ref
