// Checks the shapes; the back end chooses the implementation.
#include "dnn/conv3d.hpp"

#include "dnn/conv3d_backend.hpp"
#include "profile/region.hpp"

namespace brainmt::dnn {
namespace {

Conv3dShape shape_of(const Tensor& x, const Tensor& y, const Tensor& w, const Conv3dOptions& o) {
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

// FLOPs of the direct algorithm: k^3 multiply-adds for each output and input channel, for any back end. Each pass reads
// two of x, y, w and writes the third; the weight gradient is read too.
profile::Work work_of(const Conv3dShape& s, const Tensor& x, const Tensor& y, const Tensor& w, bool weights = false) {
  return {.flops = 2.0 * static_cast<double>(y.count()) *
                   static_cast<double>(s.in_channels * s.kernel * s.kernel * s.kernel),
          .bytes = static_cast<double>(x.bytes() + y.bytes() + (weights ? 2 : 1) * w.bytes())};
}

}  // namespace

void conv3d_fwd(const Tensor& y, const Tensor& x, const Tensor& w, const Tensor& bias, const Conv3dOptions& o) {
  const Conv3dShape shape = shape_of(x, y, w, o);
  if (y.count() == 0) return;
  const profile::Region region("brainmt::conv3d::fwd", work_of(shape, x, y, w));
  detail::run_conv3d_fwd(y, x, w, bias, shape, o.relu);
}

void conv3d_bwd_data(const Tensor& dx, const Tensor& dy, const Tensor& w, const Conv3dOptions& o) {
  const Conv3dShape shape = shape_of(dx, dy, w, o);
  if (dx.count() == 0) return;
  const profile::Region region("brainmt::conv3d::bwd_data", work_of(shape, dx, dy, w));
  detail::run_conv3d_bwd_data(dx, dy, w, shape);
}

void conv3d_bwd_weights(const Tensor& dw, const Tensor& dbias, const Tensor& dy, const Tensor& x,
                        const Conv3dOptions& o) {
  const Conv3dShape shape = shape_of(x, dy, dw, o);
  if (x.count() == 0) return;
  const profile::Region region("brainmt::conv3d::bwd_weights", work_of(shape, x, dy, dw, true));
  detail::run_conv3d_bwd_weights(dw, dbias, dy, x, shape);
}

}  // namespace brainmt::dnn
