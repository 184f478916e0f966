#pragma once
// 3-D convolution, channels last: activations [N, D, H, W, C], weights [out, in, k, k, k] as published (PyTorch OIDHW).
// On the host: Winograd's algorithm for large layers of stride 1, oneDNN's direct one otherwise (fp32, bf16), plain
// loops of kernels/ref in fp64. Cross-correlation, zero padding.
#include "tensor/tensor.hpp"

namespace brainmt::dnn {

struct Conv3dOptions {
  int stride = 1;
  int padding = 1;
  bool relu = false;  // fused into the forward pass; the backward pass expects dy already multiplied by the mask
};

/// Extent of the output along an axis of `extent` for kernel size `k`.
constexpr std::int64_t conv_extent(std::int64_t extent, int k, const Conv3dOptions& o) {
  return (extent + 2 * o.padding - k) / o.stride + 1;
}

/// y = conv(x, w) (+ bias) (then ReLU). x, y activation type; w, bias master type.
void conv3d_fwd(const Tensor& y, const Tensor& x, const Tensor& w, const Tensor& bias, const Conv3dOptions& o);
/// dx is assigned.
void conv3d_bwd_data(const Tensor& dx, const Tensor& dy, const Tensor& w, const Conv3dOptions& o);
/// dw += , and dbias += when defined; both master type.
void conv3d_bwd_weights(const Tensor& dw, const Tensor& dbias, const Tensor& dy, const Tensor& x,
                        const Conv3dOptions& o);

/// Elements of its widest tensor with which a stage of convolutions runs at about this back end's full rate; fewer
/// leave it idle, more only take memory.
std::int64_t conv3d_busy_elements();

}  // namespace brainmt::dnn
