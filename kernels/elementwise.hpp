#pragma once
// Copies, casts and sums of contiguous arrays.
#include "kernels/types.hpp"

namespace brainmt::kernels {

/// out = To(in)
template <class To, class From>
void cast(const Exec& exec, View1<To> out, View1<const From> in);

/// out = T(in), row after row of matrices whose rows may lie apart.
template <class T>
void cast_rows(const Exec& exec, MatrixView<T> out, MatrixView<const Master<T>> in);

/// y = alpha * x + beta * y (beta = 0 assigns)
template <class T>
void axpby(const Exec& exec, View1<T> y, Master<T> alpha, View1<const T> x, Master<T> beta);

template <class T>
void fill(const Exec& exec, View1<T> y, Master<T> value);

}  // namespace brainmt::kernels
