// What src/dnn asks of a back end, on CUDA: cuBLASLt and cuDNN where they take the types and shapes, our own kernels
// elsewhere. Work goes to the kernels' stream, workspace comes from the pool. Compiled into brainmt_dnn.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cuda/attention.hpp"
#include "cuda/choices.hpp"
#include "cuda/conv3d.hpp"
#include "cuda/error.hpp"
#include "cuda/gemm.hpp"
#include "dnn/attention.hpp"
#include "dnn/backend.hpp"
#include "dnn/conv3d_backend.hpp"
#include "dnn/matmul.hpp"
#include "memory/pool.hpp"

namespace brainmt::dnn {
namespace {

cuda::Context context() {
  const Settings& chosen = settings();
  return {.stream = static_cast<cudaStream_t>(kernel_stream()),
          .allocate = pool::allocate,
          .deterministic = chosen.deterministic,
          .tf32 = chosen.tf32,
          .selection = chosen.tune ? cuda::Selection::kTimed : cuda::Selection::kFirst,
          .attention = {}};
}

// Not the first layer, whose one channel would leave a matrix unit idle, nor channel counts that only tests have.
bool cudnn_takes(const Conv3dShape& shape, DType type) {
  return type != DType::kF64 && shape.in_channels % 8 == 0 && shape.out_channels % 8 == 0;
}

bool cudnn_takes(const AttentionShape& shape, const AnyMatrix& o, const AnyMatrix& q, const AnyMatrix& k,
                 const AnyMatrix& v) {
  if (q.dtype != DType::kBf16) return false;
  return cuda::attention_supported(context(), shape, {q.row_stride, k.row_stride, v.row_stride, o.row_stride}, true)
      .supported;
}

class CudaAlgorithms : public Algorithms {
 public:
  std::string valid_for() const override {
    int device = 0;
    cuda::check(cudaGetDevice(&device), "the current GPU");
    return cuda::suggestions_of(cuda::query(), device);
  }
  Choices chosen() const override { return cuda::choices(); }
  void adopt(const Choices& choices) override {
    wait_for_kernels();  // of plans that this drops
    cuda::adopt_choices(choices);
  }
  void settle() override { cuda::settle_choices(); }
};

}  // namespace

std::string describe() { return fmt::format("{}", fmt::join(cuda::describe(cuda::query()), "; ")); }
bool has_native_bf16() { return true; }  // every device that cuda::device_for() accepts has it

Algorithms* algorithms() {
  static CudaAlgorithms instance;
  return &instance;
}

// Chosen for the last layers of the stage: 256 channels on 12x14x12 voxels are a GEMM of 2,016 rows per frame, and 132
// multiprocessors with tiles of 128 x 128 want 8,448 of them at once. This is nine frames of the MNI grid, two rounds
// of tiles; four times as many, where memory allows, waste less of the last one.
std::int64_t conv3d_busy_elements() { return std::int64_t{64} << 20; }

namespace detail {

void run_matmul(const AnyMatrix& c, const AnyMatrix& a, const AnyMatrix& b, const Tensor& bias, bool accumulate) {
  cuda::gemm(context(), c, a, b, bias ? bias.raw() : nullptr, accumulate);
}
bool run_matmul_gelu(const AnyMatrix& c, const AnyMatrix& pre, const AnyMatrix& a, const AnyMatrix& b,
                     const Tensor& bias) {
  return cuda::gemm_gelu(context(), c, pre, a, b, bias.raw());
}
bool run_matmul_gelu_bwd(const AnyMatrix& c, const AnyMatrix& pre, const AnyMatrix& a, const AnyMatrix& b) {
  return cuda::gemm_gelu_bwd(context(), c, pre, a, b);
}

void run_conv3d_fwd(const Tensor& y, const Tensor& x, const Tensor& w, const Tensor& bias, const Conv3dShape& shape,
                    bool relu) {
  if (!cudnn_takes(shape, y.dtype())) return conv3d_fwd_direct(y, x, w, bias, shape, relu);
  cuda::conv3d_fwd(context(), y.raw(), x.raw(), w.data<float>(), bias ? bias.data<float>() : nullptr, shape, y.dtype(),
                   relu);
}
void run_conv3d_bwd_data(const Tensor& dx, const Tensor& dy, const Tensor& w, const Conv3dShape& shape) {
  if (!cudnn_takes(shape, dx.dtype())) return conv3d_bwd_data_direct(dx, dy, w, shape);
  cuda::conv3d_bwd_data(context(), dx.raw(), dy.raw(), w.data<float>(), shape, dx.dtype());
}
void run_conv3d_bwd_weights(const Tensor& dw, const Tensor& dbias, const Tensor& dy, const Tensor& x,
                            const Conv3dShape& shape) {
  if (!cudnn_takes(shape, x.dtype())) return conv3d_bwd_weights_direct(dw, dbias, dy, x, shape);
  cuda::conv3d_bwd_weights(context(), dw.data<float>(), dy.raw(), x.raw(), shape, x.dtype());
  if (dbias) add_column_sums(dbias, dy);
}

void run_attention_fwd(const AnyMatrix& o, const Tensor& lse, const AnyMatrix& q, const AnyMatrix& k,
                       const AnyMatrix& v) {
  const AttentionShape shape = shape_of(lse, q, k);
  if (!cudnn_takes(shape, o, q, k, v)) return attention_fwd_tiled(o, lse, q, k, v);
  cuda::attention_fwd(context(), o, lse.data<float>(), q, k, v, shape);
}
void run_attention_bwd(const AnyMatrix& dq, const AnyMatrix& dk, const AnyMatrix& dv, const AnyMatrix& dout,
                       const AnyMatrix& o, const Tensor& lse, const AnyMatrix& q, const AnyMatrix& k,
                       const AnyMatrix& v) {
  const AttentionShape shape = shape_of(lse, q, k);
  if (!cudnn_takes(shape, o, q, k, v)) return attention_bwd_tiled(dq, dk, dv, dout, o, lse, q, k, v);
  cuda::attention_bwd(context(), dq, dk, dv, dout, o, lse.data<float>(), q, k, v, shape);
}

}  // namespace detail
}  // namespace brainmt::dnn
