// The host's choice: Winograd's algorithm for large layers of stride 1, oneDNN's direct one otherwise, plain loops in
// fp64. With portable kernels (BRAINMT_PORTABLE_KERNELS) fp64 and the first layer use conv3d_direct, as on a device.
#include <algorithm>

#include "dnn/conv3d_backend.hpp"
#include "dnn/host/conv3d_onednn.hpp"
#include "dnn/host/onednn.hpp"
#include "dnn/host/winograd.hpp"
#include "kernels/conv3d_direct.hpp"
#include "kernels/detail/loops.hpp"

namespace brainmt::dnn::detail {
namespace {

namespace ref = kernels::ref;

bool use_winograd(const Conv3dShape& shape, const Tensor& activations, const Tensor& w) {
  return w.dtype() == DType::kF32 && winograd_pays(shape, activations.dtype());
}

bool is_fp64(const Tensor& t) { return t.dtype() == DType::kF64; }

bool use_direct(const Conv3dShape& shape, const Tensor& activations) {
  return kernels::detail::kPortable && (is_fp64(activations) || kernels::is_single_channel_stem(shape));
}

void fwd_fp64(const Tensor& y, const Tensor& x, const Tensor& w, const Tensor& bias, const Conv3dShape& shape,
              bool relu) {
  auto* out = y.data<double>();
  ref::conv3d_fwd(out, x.data<double>(), w.data<double>(), bias ? bias.data<double>() : nullptr, shape);
  if (relu)
    for (std::int64_t i = 0; i < y.count(); ++i) out[i] = std::max(out[i], 0.0);
}

// oneDNN 2.6 (jit_bf16, avx512_core_bf16) computes bf16 weight gradients of strided convolutions wrongly when an extent
// is 3 or less: it reads transposed rows that it never wrote. Such tensors are small, so they go through fp32.
bool bf16_weights_are_wrong(const Conv3dShape& s, const Tensor& x) {
  return x.dtype() == DType::kBf16 && s.stride > 1 && *std::min_element(s.in.begin(), s.in.end()) <= 3;
}

// Whether a bf16 convolution must go through fp32 because oneDNN has no bf16 primitives here.
bool lacks_bf16(const Tensor& x, const Tensor& y) {
  return (x.dtype() == DType::kBf16 || y.dtype() == DType::kBf16) && !has_bf16_primitives();
}

// fp32 with the values that a bf16 primitive reads.
Tensor rounded(const Tensor& t) { return t.to(DType::kBf16).to(DType::kF32); }

// Runs `compute` on the tensor, or on an fp32 tensor that is then rounded to it.
template <class Compute>
void into(const Tensor& out, const Compute& compute) {
  if (out.dtype() == DType::kF32) return compute(out);
  const Tensor wide(out.shape(), DType::kF32);
  compute(wide);
  out.copy_from(wide);
}

}  // namespace

void run_conv3d_fwd(const Tensor& y, const Tensor& x, const Tensor& w, const Tensor& bias, const Conv3dShape& shape,
                    bool relu) {
  if (use_direct(shape, y)) return conv3d_fwd_direct(y, x, w, bias, shape, relu);
  if (is_fp64(y)) return fwd_fp64(y, x, w, bias, shape, relu);
  if (use_winograd(shape, x, w)) return conv3d_fwd_winograd(y, x, w, bias, shape, relu);
  if (lacks_bf16(x, y))
    return into(y, [&](const Tensor& out) { conv3d_fwd_onednn(out, rounded(x), rounded(w), bias, shape, relu); });
  conv3d_fwd_onednn(y, x, w, bias, shape, relu);
}

void run_conv3d_bwd_data(const Tensor& dx, const Tensor& dy, const Tensor& w, const Conv3dShape& shape) {
  if (use_direct(shape, dx)) return conv3d_bwd_data_direct(dx, dy, w, shape);
  if (is_fp64(dx)) return ref::conv3d_bwd_data(dx.data<double>(), dy.data<double>(), w.data<double>(), shape);
  if (use_winograd(shape, dy, w)) return conv3d_bwd_data_winograd(dx, dy, w, shape);
  if (lacks_bf16(dx, dy))
    return into(dx, [&](const Tensor& out) { conv3d_bwd_data_onednn(out, rounded(dy), rounded(w), shape); });
  conv3d_bwd_data_onednn(dx, dy, w, shape);
}

void run_conv3d_bwd_weights(const Tensor& dw, const Tensor& dbias, const Tensor& dy, const Tensor& x,
                            const Conv3dShape& shape) {
  if (use_direct(shape, x)) return conv3d_bwd_weights_direct(dw, dbias, dy, x, shape);
  if (is_fp64(x))
    return ref::conv3d_bwd_weights(dw.data<double>(), dbias ? dbias.data<double>() : nullptr, dy.data<double>(),
                                   x.data<double>(), shape);
  if (use_winograd(shape, x, dw)) return conv3d_bwd_weights_winograd(dw, dbias, dy, x, shape);
  if (lacks_bf16(x, dy) || bf16_weights_are_wrong(shape, x))
    return conv3d_bwd_weights_onednn(dw, dbias, rounded(dy), rounded(x), shape);
  conv3d_bwd_weights_onednn(dw, dbias, dy, x, shape);
}

}  // namespace brainmt::dnn::detail

namespace brainmt::dnn {

std::int64_t conv3d_busy_elements() { return std::int64_t{8} << 20; }  // one frame of the MNI grid

}  // namespace brainmt::dnn
