#pragma once
// Operations on matrices between nodes with channels, X [B, P, C, Q]: row p of a sample is contiguous as [C, Q], so
// that a filter along a row is a GEMM.
#include "kernels/types.hpp"

namespace brainmt::kernels {

/// y[b, q, c, p] = x[b, p, c, q]
template <class T>
void swap_nodes(const Exec& exec, View4<T> y, View4<const T> x);

/// y[b, p, c, q] = rows[b, p, c] + columns[b, q, c]
template <class T>
void outer_sum_fwd(const Exec& exec, View4<T> y, View3<const T> rows, View3<const T> columns);
/// drows[b, p, c] = sum over q, dcolumns[b, q, c] = sum over p of dy[b, p, c, q], in order; both are assigned.
template <class T>
void outer_sum_bwd(const Exec& exec, View3<T> drows, View3<T> dcolumns, View4<const T> dy);

/// y = x > 0 ? x : slope x; y may be x.
template <class T>
void leaky_relu_fwd(const Exec& exec, View1<T> y, View1<const T> x, Master<T> slope);
/// dx = (x > 0 ? 1 : slope) dy; dx may be dy.
template <class T>
void leaky_relu_bwd(const Exec& exec, View1<T> dx, View1<const T> dy, View1<const T> x, Master<T> slope);

/// y[b, c] = x[b, c] factors[c, b]: dropout, and its backward pass.
template <class T>
void scale_features(const Exec& exec, View2<T> y, View2<const T> x, View2<const float> factors);

}  // namespace brainmt::kernels
