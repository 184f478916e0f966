#pragma once
// 3-D convolution (cross-correlation, zero padding) by cuDNN: activations [N, D, H, W, C] in bf16 or fp32, weights
// [out, in, k, k, k] in fp32 as published, sums in fp32. The weights are rewritten for each call as [out, k, k, k, in]
// in the type of the activations (cuda/layout.hpp): they change every step, and are a few MB at most.
// The gradient of a bias is a column sum of dy, which the caller has a kernel for.
#include <array>
#include <cstdint>

#include "cuda/context.hpp"
#include "cuda/types.hpp"

namespace brainmt::cuda {

struct Conv3dShape {
  std::array<std::int64_t, 3> in, out;  // extents D, H, W
  std::int64_t batch, in_channels, out_channels;
  int kernel, stride, padding;

  std::int64_t taps() const { return std::int64_t{kernel} * kernel * kernel; }
  std::int64_t weights() const { return out_channels * in_channels * taps(); }
};

enum class ConvPass : std::uint8_t { kForward, kBackwardData, kBackwardWeights };

struct Conv3dOperation {
  ConvPass pass;
  Type type;  // of the activations
  bool bias = false;
  bool relu = false;
};

/// y = conv(x, w) (+ bias) (then ReLU). x, y have `type`; w, bias are fp32; bias may be null.
void conv3d_fwd(const Context& context, void* y, const void* x, const float* w, const float* bias,
                const Conv3dShape& shape, Type type, bool relu);
/// dx is assigned. dx, dy have `type`.
void conv3d_bwd_data(const Context& context, void* dx, const void* dy, const float* w, const Conv3dShape& shape,
                     Type type);
/// dw, fp32 and laid out as published, is added to. dy, x have `type`.
void conv3d_bwd_weights(const Context& context, float* dw, const void* dy, const void* x, const Conv3dShape& shape,
                        Type type);

}  // namespace brainmt::cuda
