#pragma once
// The GEMM behind every linear layer and every tile of attention, over matrices with any strides:
//   C = A B (+ bias) (+ C)
#include "dnn/gemm.hpp"

namespace brainmt::dnn {

/// c [m, n] = a [m, k] b [k, n] (+ bias [n]) (+ c when `accumulate`). c has contiguous rows; it may have the master
/// type of a and b. One of a and b may have the master type of the other. bias has c's master type, or is undefined.
void matmul(const AnyMatrix& c, const AnyMatrix& a, const AnyMatrix& b, const Tensor& bias, bool accumulate);

/// c = gelu(pre), pre = a b + bias, and c = (a b) gelu'(pre), with tanh GELU as the GEMM's epilogue.
/// Both return false, having done nothing, where the back end has no such GEMM. c and pre have contiguous rows.
bool matmul_gelu(const AnyMatrix& c, const AnyMatrix& pre, const AnyMatrix& a, const AnyMatrix& b, const Tensor& bias);
bool matmul_gelu_bwd(const AnyMatrix& c, const AnyMatrix& pre, const AnyMatrix& a, const AnyMatrix& b);

namespace detail {
/// The back end's GEMMs, of non-empty matrices whose shapes fit; c is not fp64 on the host.
void run_matmul(const AnyMatrix& c, const AnyMatrix& a, const AnyMatrix& b, const Tensor& bias, bool accumulate);
bool run_matmul_gelu(const AnyMatrix& c, const AnyMatrix& pre, const AnyMatrix& a, const AnyMatrix& b,
                     const Tensor& bias);
bool run_matmul_gelu_bwd(const AnyMatrix& c, const AnyMatrix& pre, const AnyMatrix& a, const AnyMatrix& b);
}  // namespace detail

}  // namespace brainmt::dnn
