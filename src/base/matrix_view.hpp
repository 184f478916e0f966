#pragma once
// Matrices over memory of someone else: what every layer passes to the next. Views of device memory are passed on the
// host and indexed on the device only.
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "base/dtype.hpp"

namespace brainmt {

/// Row-major, rows `ld` elements apart: a whole matrix, or some columns of a wider one (x and z of in_proj's output,
/// q k v of a packed projection). Extents stay 0 where the callee knows them, as the oracles of kernels/ref do.
template <class T>
struct MatrixView {
  using value_type = std::remove_const_t<T>;

  T* data = nullptr;
  std::size_t ld = 0;
  std::size_t rows = 0, cols = 0;

  std::size_t size() const { return rows * cols; }
  BRAINMT_HOST_DEVICE T* row(std::size_t i, std::size_t first_col = 0) const { return data + i * ld + first_col; }
  BRAINMT_HOST_DEVICE T& operator()(std::size_t i, std::size_t j) const { return data[i * ld + j]; }
  operator MatrixView<const T>() const requires(!std::is_const_v<T>) { return {data, ld, rows, cols}; }
};

/// The same with an element type known at run time and any strides: element (i, j) lies at i * row_stride +
/// j * col_stride.
struct AnyMatrix {
  void* data;
  DType dtype;
  std::int64_t rows, cols, row_stride, col_stride = 1;

  AnyMatrix transposed() const { return {data, dtype, cols, rows, col_stride, row_stride}; }
  /// Rows [begin, begin + count) of columns [first, first + width).
  AnyMatrix part(std::int64_t begin, std::int64_t count, std::int64_t first, std::int64_t width) const {
    BRAINMT_CHECK(begin >= 0 && begin + count <= rows && first >= 0 && first + width <= cols,
                  "rows [{}, {}) and columns [{}, {}) of [{}, {}]", begin, begin + count, first, first + width, rows,
                  cols);
    const std::int64_t offset = (begin * row_stride + first * col_stride) * static_cast<std::int64_t>(size_of(dtype));
    return {static_cast<std::byte*>(data) + offset, dtype, count, width, row_stride, col_stride};
  }
  AnyMatrix columns(std::int64_t first, std::int64_t width) const { return part(0, rows, first, width); }

  /// With its element type, which must be T; its rows must be contiguous.
  template <class T>
  MatrixView<T> as() const {
    BRAINMT_CHECK(dtype == dtype_of<std::remove_const_t<T>>() && col_stride == 1, "{} with strides {}, {} asked as {}",
                  name_of(dtype), row_stride, col_stride, name_of(dtype_of<std::remove_const_t<T>>()));
    return {static_cast<T*>(data), static_cast<std::size_t>(row_stride), static_cast<std::size_t>(rows),
            static_cast<std::size_t>(cols)};
  }
};

}  // namespace brainmt
