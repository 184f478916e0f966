// Checks the shapes and chooses the implementation.
#include "dnn/conv3d.hpp"

#include <algorithm>

#include "dnn/conv3d_onednn.hpp"
#include "dnn/winograd.hpp"
#include "kernels/ref/conv3d.hpp"

namespace brainmt::dnn {
namespace {

namespace ref = kernels::ref;
using detail::ConvShape;

ConvShape shape_of(const Tensor& x, const Tensor& y, const Tensor& w, const Conv3dOptions& o) {
  const Shape& in = x.shape();
  const Shape& out = y.shape();
  const Shape& kernel = w.shape();
  const auto text = [&] { return fmt::format("x {} w {} y {}", in.str(), kernel.str(), out.str()); };
  BRAINMT_CHECK(in.rank() == 5 && out.rank() == 5 && kernel.rank() == 5, "{}", text());
  const int k = static_cast<int>(kernel[2]);
  BRAINMT_CHECK(kernel == (Shape{out[4], in[4], k, k, k}) && in[0] == out[0], "{}", text());
  for (int axis = 1; axis <= 3; ++axis) BRAINMT_CHECK(out[axis] == conv_extent(in[axis], k, o), "{}", text());
  return {{in[1], in[2], in[3]}, {out[1], out[2], out[3]}, in[0], in[4], out[4], k, o.stride, o.padding};
}

bool use_winograd(const ConvShape& shape, const Tensor& activations, const Tensor& w) {
  return w.dtype() == DType::kF32 && detail::winograd_pays(shape, activations.dtype());
}

bool is_fp64(const Tensor& t) { return t.dtype() == DType::kF64; }

void fwd_fp64(const Tensor& y, const Tensor& x, const Tensor& w, const Tensor& bias, const ConvShape& shape,
              bool relu) {
  auto* out = y.data<double>();
  ref::conv3d_fwd(out, x.data<double>(), w.data<double>(), bias ? bias.data<double>() : nullptr, shape);
  if (relu)
    for (std::int64_t i = 0; i < y.count(); ++i) out[i] = std::max(out[i], 0.0);
}

// oneDNN 2.6 (jit_bf16, avx512_core_bf16) computes bf16 weight gradients of strided convolutions wrongly when an extent
// is 3 or less: it reads transposed rows that it never wrote. Such tensors are small, so they go through fp32.
bool bf16_weights_are_wrong(const ConvShape& s, const Tensor& x) {
  return x.dtype() == DType::kBf16 && s.stride > 1 && *std::min_element(s.in.begin(), s.in.end()) <= 3;
}

}  // namespace

void conv3d_fwd(const Tensor& y, const Tensor& x, const Tensor& w, const Tensor& bias, const Conv3dOptions& o) {
  const ConvShape shape = shape_of(x, y, w, o);
  if (y.count() == 0) return;
  if (is_fp64(y)) return fwd_fp64(y, x, w, bias, shape, o.relu);
  if (use_winograd(shape, x, w)) return detail::conv3d_fwd_winograd(y, x, w, bias, shape, o.relu);
  detail::conv3d_fwd_onednn(y, x, w, bias, shape, o.relu);
}

void conv3d_bwd_data(const Tensor& dx, const Tensor& dy, const Tensor& w, const Conv3dOptions& o) {
  const ConvShape shape = shape_of(dx, dy, w, o);
  if (dx.count() == 0) return;
  if (is_fp64(dx)) return ref::conv3d_bwd_data(dx.data<double>(), dy.data<double>(), w.data<double>(), shape);
  if (use_winograd(shape, dy, w)) return detail::conv3d_bwd_data_winograd(dx, dy, w, shape);
  detail::conv3d_bwd_data_onednn(dx, dy, w, shape);
}

void conv3d_bwd_weights(const Tensor& dw, const Tensor& dbias, const Tensor& dy, const Tensor& x,
                        const Conv3dOptions& o) {
  const ConvShape shape = shape_of(x, dy, dw, o);
  if (x.count() == 0) return;
  if (is_fp64(x))
    return ref::conv3d_bwd_weights(dw.data<double>(), dbias ? dbias.data<double>() : nullptr, dy.data<double>(),
                                   x.data<double>(), shape);
  if (use_winograd(shape, x, dw)) return detail::conv3d_bwd_weights_winograd(dw, dbias, dy, x, shape);
  if (bf16_weights_are_wrong(shape, x))
    return detail::conv3d_bwd_weights_onednn(dw, dbias, dy.to(DType::kF32), x.to(DType::kF32), shape);
  detail::conv3d_bwd_weights_onednn(dw, dbias, dy, x, shape);
}

}  // namespace brainmt::dnn
