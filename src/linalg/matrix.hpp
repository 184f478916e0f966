#pragma once
// A dense matrix of double, row-major, aligned to cache lines: BLAS and LAPACK then round alike wherever it lies.
#include <cstddef>
#include <new>
#include <span>
#include <vector>

#include "base/matrix_view.hpp"

namespace brainmt::linalg {

template <class T>
struct AlignedAllocator {
  using value_type = T;
  static constexpr std::align_val_t kAlignment{64};

  AlignedAllocator() = default;
  template <class U>
  AlignedAllocator(const AlignedAllocator<U>&) {}
  T* allocate(std::size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), kAlignment)); }
  void deallocate(T* at, std::size_t) { ::operator delete(at, kAlignment); }
  bool operator==(const AlignedAllocator&) const = default;
};

template <class T>
using AlignedVector = std::vector<T, AlignedAllocator<T>>;

struct Matrix {
  std::size_t rows = 0, cols = 0;
  AlignedVector<double> values;  // [rows, cols]

  Matrix() = default;
  Matrix(std::size_t rows, std::size_t cols) : rows(rows), cols(cols), values(rows * cols) {}

  double& operator()(std::size_t i, std::size_t j) { return values[i * cols + j]; }
  double operator()(std::size_t i, std::size_t j) const { return values[i * cols + j]; }
  std::span<double> row(std::size_t i) { return {values.data() + i * cols, cols}; }
  std::span<const double> row(std::size_t i) const { return {values.data() + i * cols, cols}; }
  MatrixView<double> view() { return {values.data(), cols, rows, cols}; }
  MatrixView<const double> view() const { return {values.data(), cols, rows, cols}; }
};

}  // namespace brainmt::linalg
