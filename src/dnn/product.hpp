#pragma once
// The one product behind every linear layer and every tile of attention: C = A B (+ bias) (+ C) over matrices with any
// strides. An operation only says how its matrices lie.
#include "dnn/gemm.hpp"

namespace brainmt::dnn {

/// c [m, n] = a [m, k] b [k, n] (+ bias [n]) (+ c when `accumulate`). c has contiguous rows; it may have the master
/// type of a and b. One of a and b may have the master type of the other. bias has c's master type, or is undefined.
void product(const AnyMatrix& c, const AnyMatrix& a, const AnyMatrix& b, const Tensor& bias, bool accumulate);

/// c = gelu(pre), pre = a b + bias, and c = (a b) gelu'(pre), with GELU in its tanh form as the product's epilogue.
/// Both return false, having done nothing, where the back end has no such product. c and pre have contiguous rows.
bool product_gelu(const AnyMatrix& c, const AnyMatrix& pre, const AnyMatrix& a, const AnyMatrix& b, const Tensor& bias);
bool product_gelu_bwd(const AnyMatrix& c, const AnyMatrix& pre, const AnyMatrix& a, const AnyMatrix& b);

namespace detail {
/// The back end's products, of non-empty matrices whose shapes fit; c is not fp64 on the host.
void run_product(const AnyMatrix& c, const AnyMatrix& a, const AnyMatrix& b, const Tensor& bias, bool accumulate);
bool run_product_gelu(const AnyMatrix& c, const AnyMatrix& pre, const AnyMatrix& a, const AnyMatrix& b,
                      const Tensor& bias);
bool run_product_gelu_bwd(const AnyMatrix& c, const AnyMatrix& pre, const AnyMatrix& a, const AnyMatrix& b);
}  // namespace detail

}  // namespace brainmt::dnn
