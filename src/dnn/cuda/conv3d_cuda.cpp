// The device's choice: cuDNN where its tensor-core kernels take the channels, our own kernels for the first layer,
// whose one channel would leave a matrix unit idle, for fp64, and for channel counts that only tests have.
#include "cuda/conv3d.hpp"
#include "dnn/conv3d_backend.hpp"
#include "dnn/cuda/context.hpp"
#include "dnn/gemm.hpp"

namespace brainmt::dnn::detail {
namespace {

bool use_cudnn(const ConvShape& shape, DType type) {
  return type != DType::kF64 && shape.in_channels % 8 == 0 && shape.out_channels % 8 == 0;
}

cuda::Conv3dShape cuda_shape(const ConvShape& s) {
  return {s.in, s.out, s.batch, s.in_channels, s.out_channels, s.kernel, s.stride, s.padding};
}

}  // namespace

void run_conv3d_fwd(const Tensor& y, const Tensor& x, const Tensor& w, const Tensor& bias, const ConvShape& shape,
                    bool relu) {
  if (!use_cudnn(shape, y.dtype())) return conv3d_fwd_direct(y, x, w, bias, shape, relu);
  cuda::conv3d_fwd(cuda_context(), y.raw(), x.raw(), w.data<float>(), bias ? bias.data<float>() : nullptr,
                   cuda_shape(shape), cuda_type(y.dtype()), relu);
}

void run_conv3d_bwd_data(const Tensor& dx, const Tensor& dy, const Tensor& w, const ConvShape& shape) {
  if (!use_cudnn(shape, dx.dtype())) return conv3d_bwd_data_direct(dx, dy, w, shape);
  cuda::conv3d_bwd_data(cuda_context(), dx.raw(), dy.raw(), w.data<float>(), cuda_shape(shape), cuda_type(dx.dtype()));
}

void run_conv3d_bwd_weights(const Tensor& dw, const Tensor& dbias, const Tensor& dy, const Tensor& x,
                            const ConvShape& shape) {
  if (!use_cudnn(shape, x.dtype())) return conv3d_bwd_weights_direct(dw, dbias, dy, x, shape);
  cuda::conv3d_bwd_weights(cuda_context(), dw.data<float>(), dy.raw(), x.raw(), cuda_shape(shape),
                           cuda_type(x.dtype()));
  if (dbias) add_column_sums(dbias, dy);
}

}  // namespace brainmt::dnn::detail

namespace brainmt::dnn {

// The last layers of the stage are the hard ones: 256 channels on 12x14x12 places are 2,016 rows of a product a frame,
// and 132 multiprocessors with tiles of 128 x 128 want 8,448 of them at once. This is nine frames of the MNI grid, two
// rounds of tiles; four times as many, where memory allows, waste less of the last one.
std::int64_t conv3d_busy_elements() { return std::int64_t{64} << 20; }

}  // namespace brainmt::dnn
