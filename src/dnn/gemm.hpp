#pragma once
// Dense GEMMs behind one small interface: oneDNN on the host (fp32, bf16), plain loops of kernels/ref in fp64 there,
// cuBLASLt on CUDA. All matrices have contiguous rows: a tensor is seen as [rows, last axis]; a weight is [out, in] as
// PyTorch stores it.
#include "tensor/tensor.hpp"

namespace brainmt::dnn {

/// y[M, out] = x[M, in] w[out, in]^T (+ bias[out]). x has the activation type; w is in the activation type or its
/// master type (converted on the fly); bias is master; y is activation or master type.
void linear_fwd(const AnyMatrix& y, const AnyMatrix& x, const Tensor& w, const Tensor& bias);
/// dx[M, in] = dy[M, out] w[out, in], or += when `accumulate` (dx then has the master type or the rounding of its own
/// type).
void linear_bwd_data(const AnyMatrix& dx, const AnyMatrix& dy, const Tensor& w, bool accumulate);
/// dw[out, in] += dy[M, out]^T x[M, in], and dbias[out] += column sums of dy when defined; dw, dbias are master type.
void linear_bwd_weights(const Tensor& dw, const Tensor& dbias, const AnyMatrix& dy, const AnyMatrix& x);

/// sums[j] += sum_i m[i, j]: the gradient of a bias; sums are master type.
void add_column_sums(const Tensor& sums, const AnyMatrix& m);

}  // namespace brainmt::dnn
