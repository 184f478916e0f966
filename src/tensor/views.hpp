#pragma once
// Tensors as the views that kernels take. `view1` flattens; `view2` is [rows, last axis]; `rows` may be some columns.
#include "kernels/types.hpp"
#include "tensor/tensor.hpp"

namespace brainmt {

template <class T>
kernels::View1<T> view1(const Tensor& t) {
  return kernels::View1<T>(t.data<std::remove_const_t<T>>(), static_cast<std::size_t>(t.count()));
}

template <class T>
kernels::View2<T> view2(const Tensor& t) {
  return kernels::View2<T>(t.data<std::remove_const_t<T>>(), static_cast<std::size_t>(t.row_count()),
                           static_cast<std::size_t>(t.cols()));
}

template <class T>
kernels::View3<T> view3(const Tensor& t) {
  BRAINMT_CHECK(t.shape().rank() == 3, "shape {}", t.shape().str());
  return kernels::View3<T>(t.data<std::remove_const_t<T>>(), static_cast<std::size_t>(t.shape()[0]),
                           static_cast<std::size_t>(t.shape()[1]), static_cast<std::size_t>(t.shape()[2]));
}

template <class T>
kernels::View4<T> view4(const Tensor& t) {
  BRAINMT_CHECK(t.shape().rank() == 4, "shape {}", t.shape().str());
  return kernels::View4<T>(t.data<std::remove_const_t<T>>(), static_cast<std::size_t>(t.shape()[0]),
                           static_cast<std::size_t>(t.shape()[1]), static_cast<std::size_t>(t.shape()[2]),
                           static_cast<std::size_t>(t.shape()[3]));
}

/// Columns [begin, begin + cols) of the tensor seen as a matrix.
template <class T>
MatrixView<T> rows(const Tensor& t, std::int64_t begin, std::int64_t cols) {
  return t.columns(begin, cols).as<T>();
}
template <class T>
MatrixView<T> rows(const Tensor& t) {
  return t.matrix().as<T>();
}

}  // namespace brainmt
