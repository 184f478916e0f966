#pragma once
// 3-D convolution (cross-correlation, zero padding) by cuDNN: activations [N, D, H, W, C] in bf16 or fp32, weights
// [out, in, k, k, k] in fp32 as published, sums in fp32. The weights are rewritten for each call as [out, k, k, k, in]
// in the type of the activations (cuda/layout.hpp): they change every step, and are a few MB at most.
// The gradient of a bias is a column sum of dy, which the caller has a kernel for.
#include <cstdint>

#include "base/dtype.hpp"
#include "base/shapes.hpp"
#include "cuda/context.hpp"

namespace brainmt::cuda {

enum class ConvPass : std::uint8_t { kForward, kBackwardData, kBackwardWeights };

struct Conv3dOperation {
  ConvPass pass;
  DType type;  // of the activations
  bool bias = false;
  bool relu = false;
};

/// y = conv(x, w) (+ bias) (then ReLU). x, y have `type`; w, bias are fp32; bias may be null.
void conv3d_fwd(const Context& context, void* y, const void* x, const float* w, const float* bias,
                const Conv3dShape& shape, DType type, bool relu);
/// dx is assigned. dx, dy have `type`.
void conv3d_bwd_data(const Context& context, void* dx, const void* dy, const float* w, const Conv3dShape& shape,
                     DType type);
/// dw, fp32 and laid out as published, is added to. dy, x have `type`.
void conv3d_bwd_weights(const Context& context, float* dw, const void* dy, const void* x, const Conv3dShape& shape,
                        DType type);

}  // namespace brainmt::cuda
