#pragma once
// Shared by both passes of tiled attention: one head of one sample as strided rows, and tiles of it in float.
#include <cmath>
#include <vector>

#include "kernels/attention.hpp"
#include "kernels/detail/loops.hpp"
#include "kernels/detail/vector_math.hpp"
#include "kernels/ref/attention.hpp"

namespace brainmt::kernels::detail {

/// The `dim` columns of head `h` from row `first` on.
template <class T>
MatrixView<T> head_of(const MatrixView<T>& matrix, std::size_t first, std::size_t h, std::size_t dim) {
  return {matrix.row(first, h * dim), matrix.ld};
}

template <class T>
AttentionShape attention_shape(const MatrixView<T>& q, const MatrixView<T>& k, std::size_t batch, std::size_t heads) {
  const auto extent = [](std::size_t n) { return static_cast<std::int64_t>(n); };
  return {extent(batch), extent(heads), extent(q.rows / batch), extent(k.rows / batch), extent(q.cols / heads)};
}

/// A tile of at most `rows` x `cols` floats: rows of float are used where they lie, others are converted into the
/// tile's own memory.
class InputTile {
 public:
  InputTile(std::size_t rows, std::size_t cols) : memory_(rows * cols) {}

  template <class T>
  MatrixView<const float> read(MatrixView<const T> from, std::size_t first, std::size_t count, std::size_t cols) {
    if constexpr (std::is_same_v<T, float>) {
      return {from.row(first), from.ld};
    } else {
      for (std::size_t i = 0; i < count; ++i) {
        const T* in = from.row(first + i);
        float* out = memory_.data() + i * cols;
        row_for(HostRow(), cols, [=](std::size_t c) { out[c] = in[c]; });
      }
      return {memory_.data(), cols};
    }
  }

 private:
  std::vector<float> memory_;
};

/// Stores `count` dense rows of `cols` floats to rows [first, first + count) of `to`, row i multiplied by factor(i).
template <class T, class F>
void store_rows(MatrixView<T> to, std::size_t first, const float* from, std::size_t count, std::size_t cols, F factor) {
  for (std::size_t i = 0; i < count; ++i) {
    T* out = to.row(first + i);
    const float* in = from + i * cols;
    const float f = factor(i);
    row_for(HostRow(), cols, [=](std::size_t c) { out[c] = f * in[c]; });
  }
}

}  // namespace brainmt::kernels::detail
