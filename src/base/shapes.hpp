#pragma once
// Shapes of the operations that several back ends and the oracles implement.
#include <array>
#include <cmath>
#include <cstdint>

namespace brainmt {

/// A 3-D convolution, channels last. x: [batch, in, in_channels]; y: [batch, out, out_channels];
/// w: [out_channels, in_channels, kernel, kernel, kernel].
struct Conv3dShape {
  std::array<std::int64_t, 3> in, out;  // extents D, H, W
  std::int64_t batch, in_channels, out_channels;
  int kernel, stride, padding;

  std::int64_t in_voxels() const { return batch * in[0] * in[1] * in[2]; }
  std::int64_t out_voxels() const { return batch * out[0] * out[1] * out[2]; }
  std::int64_t taps() const { return std::int64_t{kernel} * kernel * kernel; }
  std::int64_t weights() const { return out_channels * in_channels * taps(); }
};

/// q, o: [batch * queries, heads * dim]; k, v: [batch * keys, heads * dim]; lse: [batch, heads, queries].
struct AttentionShape {
  std::int64_t batch, heads, queries, keys, dim;

  template <class S>
  S scale() const {
    return S(1) / std::sqrt(S(dim));
  }
};

}  // namespace brainmt
