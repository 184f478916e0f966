#include "cuda/gemm.hpp"
#include "dnn/cuda/context.hpp"
#include "dnn/product.hpp"

namespace brainmt::dnn::detail {

void run_product(const Operand& c, const Operand& a, const Operand& b, const Tensor& bias, bool accumulate) {
  const auto input = [](const Operand& m) {
    return cuda::ConstMatrix{m.data, cuda_type(m.dtype), m.rows, m.cols, m.row_stride, m.col_stride};
  };
  cuda::gemm(cuda_context(), {c.data, cuda_type(c.dtype), c.rows, c.cols, c.row_stride, c.col_stride}, input(a),
             input(b), bias ? bias.raw() : nullptr, accumulate);
}

}  // namespace brainmt::dnn::detail
