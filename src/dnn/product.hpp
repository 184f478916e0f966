#pragma once
// The one product behind every linear layer and every tile of attention: C = A B (+ bias) (+ C) over matrices with any
// strides. An operation only says how its matrices lie.
#include "dnn/gemm.hpp"

namespace brainmt::dnn {

/// A matrix as the product sees it, not owned: element (i, j) lies at data + i * row_stride + j * col_stride.
struct Operand {
  void* data;
  DType dtype;
  std::int64_t rows, cols, row_stride, col_stride;

  Operand transposed() const { return {data, dtype, cols, rows, col_stride, row_stride}; }
  /// Rows [begin, begin + count) of columns [first, first + width).
  Operand part(std::int64_t begin, std::int64_t count, std::int64_t first, std::int64_t width) const;
};

Operand operand(const Matrix& m);

/// c [m, n] = a [m, k] b [k, n] (+ bias [n]) (+ c when `accumulate`). c has contiguous rows; it may have the master
/// type of a and b. One of a and b may have the master type of the other. bias has c's master type, or is undefined.
void product(const Operand& c, const Operand& a, const Operand& b, const Tensor& bias, bool accumulate);

/// c = gelu(pre), pre = a b + bias, and c = (a b) gelu'(pre), with GELU in its tanh form as the product's epilogue.
/// Both return false, having done nothing, where the back end has no such product. c and pre have contiguous rows.
bool product_gelu(const Operand& c, const Operand& pre, const Operand& a, const Operand& b, const Tensor& bias);
bool product_gelu_bwd(const Operand& c, const Operand& pre, const Operand& a, const Operand& b);

namespace detail {
/// The back end's products, of non-empty matrices whose shapes fit; c is not fp64 on the host.
void run_product(const Operand& c, const Operand& a, const Operand& b, const Tensor& bias, bool accumulate);
bool run_product_gelu(const Operand& c, const Operand& pre, const Operand& a, const Operand& b, const Tensor& bias);
bool run_product_gelu_bwd(const Operand& c, const Operand& pre, const Operand& a, const Operand& b);
}  // namespace detail

}  // namespace brainmt::dnn
