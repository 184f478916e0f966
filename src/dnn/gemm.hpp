#pragma once
// Dense matrix products behind one small interface: oneDNN on the host (fp32, bf16), plain loops of kernels/ref in
// fp64 there, cuBLASLt on CUDA. All matrices are row-major tensors seen as [rows, last axis]; a weight is [out, in] as
// PyTorch stores it.
#include "tensor/tensor.hpp"

namespace brainmt::dnn {

/// Columns [begin, begin + cols) of a tensor seen as a matrix; cols = 0 means all of them.
struct Matrix {
  Tensor tensor;
  std::int64_t begin = 0;
  std::int64_t cols = 0;
  Matrix(Tensor t) : tensor(std::move(t)), cols(tensor.cols()) {}  // NOLINT: a whole tensor is a matrix
  Matrix(Tensor t, std::int64_t first, std::int64_t count) : tensor(std::move(t)), begin(first), cols(count) {}
  std::int64_t rows() const { return tensor.row_count(); }
  std::int64_t ld() const { return tensor.cols(); }
};

/// y[M, out] = x[M, in] w[out, in]^T (+ bias[out]). x has the activation type; w is in the activation type or its
/// master type (converted on the fly); bias is master; y is activation or master type.
void linear_fwd(const Matrix& y, const Matrix& x, const Tensor& w, const Tensor& bias);
/// dx[M, in] = dy[M, out] w[out, in], or += when `accumulate` (dx then has the master type or the rounding of its own
/// type).
void linear_bwd_data(const Matrix& dx, const Matrix& dy, const Tensor& w, bool accumulate);
/// dw[out, in] += dy[M, out]^T x[M, in], and dbias[out] += column sums of dy when defined; dw, dbias are master type.
void linear_bwd_weights(const Tensor& dw, const Tensor& dbias, const Matrix& dy, const Matrix& x);

/// sums[j] += sum_i m[i, j]: the gradient of a bias; sums are master type.
void add_column_sums(const Tensor& sums, const Matrix& m);

}  // namespace brainmt::dnn
