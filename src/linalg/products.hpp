#pragma once
// Products of dense matrices, row-major, in double. Each is cut into fixed tiles, which `threads` threads compute one by
// one: the same bits for any number of threads.
//
// Error: |computed - exact|_ij <= k eps / 2 (|A| |B|)_ij to first order, eps = 2^-52, k the number of terms. float enters
// as double, in which a product of two floats is exact.
#include <cstddef>

#include "base/matrix_view.hpp"
#include "linalg/matrix.hpp"
#include "linalg/parallel.hpp"

namespace brainmt::linalg {

enum class Op { kNone, kTranspose };

/// op(A) op(B). The inner extents must agree.
Matrix matmul(MatrixView<const double> a, Op op_a, MatrixView<const double> b, Op op_b,
              int threads = linalg::threads());
inline Matrix matmul(const Matrix& a, const Matrix& b, int threads = linalg::threads()) {
  return matmul(a.view(), Op::kNone, b.view(), Op::kNone, threads);
}

/// G = X X' of X [n, any], which comes in blocks of columns. Symmetric to the last bit.
class GramSum {
 public:
  /// Columns that are added at a time. Blocks of a multiple of it (the last one aside) give the same bits, whatever their
  /// widths.
  static constexpr std::size_t kPanel = 256;

  explicit GramSum(std::size_t n, int threads = linalg::threads());

  /// Adds B B' for a block B [n, any]. Needs 2 KiB a row beside G.
  void add(MatrixView<const float> block);
  void add(MatrixView<const double> block);

  /// G [n, n]; the sum is empty afterwards.
  Matrix take();

 private:
  template <class T>
  void add_block(MatrixView<const T> block);
  void add_panel(std::size_t width);

  std::size_t n_;
  int threads_;
  Matrix sum_;    // its lower triangle
  Matrix panel_;  // [n, kPanel] and some padding
};

/// X X' of X [n, k] in memory.
Matrix gram(MatrixView<const double> x, int threads = linalg::threads());
Matrix gram(MatrixView<const float> x, int threads = linalg::threads());

}  // namespace brainmt::linalg
