#pragma once
// A matrix whose rows are contiguous and lie `ld` elements apart: what the oracles of row-wise kernels take.
#include <cstddef>

namespace brainmt::kernels::ref {

template <class S>
struct Matrix {
  S* data;
  std::size_t ld;

  S& operator()(std::size_t row, std::size_t column) const { return data[row * ld + column]; }
};

}  // namespace brainmt::kernels::ref
