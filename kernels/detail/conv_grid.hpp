#pragma once
// The extents of a 3-D convolution as kernels use them: plain numbers, and where voxels lie.
#include "kernels/ref/conv3d.hpp"
#include "kernels/types.hpp"

namespace brainmt::kernels::detail {

struct Voxel {
  std::int64_t sample, d, h, w;
};

struct ConvGrid {
  std::int64_t in_d, in_h, in_w, out_d, out_h, out_w, in_channels, out_channels;
  int kernel, stride, padding;

  explicit ConvGrid(const Conv3dShape& s)
      : in_d(s.in[0]),
        in_h(s.in[1]),
        in_w(s.in[2]),
        out_d(s.out[0]),
        out_h(s.out[1]),
        out_w(s.out[2]),
        in_channels(s.in_channels),
        out_channels(s.out_channels),
        kernel(s.kernel),
        stride(s.stride),
        padding(s.padding) {}

  KOKKOS_INLINE_FUNCTION std::int64_t taps() const { return std::int64_t{kernel} * kernel * kernel; }
  KOKKOS_INLINE_FUNCTION Voxel out_voxel(std::size_t index) const { return voxel(index, out_d, out_h, out_w); }
  KOKKOS_INLINE_FUNCTION Voxel in_voxel(std::size_t index) const { return voxel(index, in_d, in_h, in_w); }
  /// Index of the input voxel under a tap of an output voxel, or -1 outside of the grid.
  KOKKOS_INLINE_FUNCTION std::int64_t input_of(const Voxel& out, int a, int b, int c) const {
    const std::int64_t d = out.d * stride + a - padding, h = out.h * stride + b - padding,
                       w = out.w * stride + c - padding;
    const bool inside = d >= 0 && d < in_d && h >= 0 && h < in_h && w >= 0 && w < in_w;
    return inside ? ((out.sample * in_d + d) * in_h + h) * in_w + w : -1;
  }
  /// Index of the output voxel that reads an input voxel through a tap, or -1.
  KOKKOS_INLINE_FUNCTION std::int64_t output_of(const Voxel& in, int a, int b, int c) const {
    const std::int64_t d = in.d + padding - a, h = in.h + padding - b, w = in.w + padding - c;
    if (d < 0 || h < 0 || w < 0 || d % stride != 0 || h % stride != 0 || w % stride != 0) return -1;
    if (d / stride >= out_d || h / stride >= out_h || w / stride >= out_w) return -1;
    return ((in.sample * out_d + d / stride) * out_h + h / stride) * out_w + w / stride;
  }

 private:
  KOKKOS_INLINE_FUNCTION static Voxel voxel(std::size_t index, std::int64_t d, std::int64_t h, std::int64_t w) {
    const auto i = static_cast<std::int64_t>(index);
    return {i / (d * h * w), i / (h * w) % d, i / w % h, i % w};
  }
};

}  // namespace brainmt::kernels::detail
