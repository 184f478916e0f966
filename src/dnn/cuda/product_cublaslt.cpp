#include "cuda/gemm.hpp"
#include "dnn/cuda/context.hpp"
#include "dnn/product.hpp"

namespace brainmt::dnn::detail {
namespace {

cuda::ConstMatrix input(const Operand& m) {
  return {m.data, cuda_type(m.dtype), m.rows, m.cols, m.row_stride, m.col_stride};
}
cuda::Matrix output(const Operand& m) {
  return {m.data, cuda_type(m.dtype), m.rows, m.cols, m.row_stride, m.col_stride};
}

}  // namespace

void run_product(const Operand& c, const Operand& a, const Operand& b, const Tensor& bias, bool accumulate) {
  cuda::gemm(cuda_context(), output(c), input(a), input(b), bias ? bias.raw() : nullptr, accumulate);
}

bool run_product_gelu(const Operand& c, const Operand& pre, const Operand& a, const Operand& b, const Tensor& bias) {
  return cuda::gemm_gelu(cuda_context(), output(c), output(pre), input(a), input(b), bias.raw());
}

bool run_product_gelu_bwd(const Operand& c, const Operand& pre, const Operand& a, const Operand& b) {
  return cuda::gemm_gelu_bwd(cuda_context(), output(c), input(pre), input(a), input(b));
}

}  // namespace brainmt::dnn::detail
