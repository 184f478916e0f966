#pragma once
// The gradient of a bias: out[j] += sum_i m[i, j], in the master type, rows in order.
#include "dnn/gemm.hpp"

namespace brainmt::dnn::detail {

void column_sum(const Tensor& out, const Matrix& m);

}  // namespace brainmt::dnn::detail
