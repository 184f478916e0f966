#include "linalg/products.hpp"

#include <algorithm>
#include <vector>

#include "base/error.hpp"
#include "linalg/lapack.hpp"

namespace brainmt::linalg {
namespace {

// Measured on an EPYC (Zen 3, 2 cores): 256 x 512 x 512 is the fastest of 15 combinations from 256 to 1,024 by 10 %.
constexpr std::size_t kTile = 512;
constexpr std::size_t kPadding = 8;  // rows of a panel do not share the sets of a cache

int narrow(std::size_t value) { return static_cast<int>(value); }

struct Tile {
  std::size_t i, j;  // first row and column
};

// Tiles of a matrix of `rows` x `cols`, or of its lower triangle.
std::vector<Tile> tiles_of(std::size_t rows, std::size_t cols, bool lower) {
  std::vector<Tile> tiles;
  for (std::size_t i = 0; i < rows; i += kTile) {
    for (std::size_t j = 0; j < (lower ? i + 1 : cols); j += kTile) tiles.push_back({i, j});
  }
  return tiles;
}

void copy_lower_to_upper(Matrix& matrix, int threads) {
  const std::vector<Tile> tiles = tiles_of(matrix.rows, matrix.rows, /*lower=*/true);
  parallel_for(tiles.size(), threads, [&](std::size_t index) {
    const auto [first_row, first_col] = tiles[index];
    const std::size_t end_row = std::min(first_row + kTile, matrix.rows);
    for (std::size_t i = first_row; i < end_row; ++i) {
      for (std::size_t j = first_col; j < std::min(first_col + kTile, i); ++j) matrix(j, i) = matrix(i, j);
    }
  });
}

}  // namespace

Matrix matmul(MatrixView<const double> a, Op op_a, MatrixView<const double> b, Op op_b, int threads) {
  const bool a_t = op_a == Op::kTranspose, b_t = op_b == Op::kTranspose;
  const std::size_t rows = a_t ? a.cols : a.rows, inner = a_t ? a.rows : a.cols, cols = b_t ? b.rows : b.cols;
  BRAINMT_CHECK(inner == (b_t ? b.cols : b.rows), "inner extents {} and {}", inner, b_t ? b.cols : b.rows);
  Matrix c(rows, cols);
  if (c.values.empty() || inner == 0) return c;
  const std::vector<Tile> tiles = tiles_of(rows, cols, /*lower=*/false);
  const int k = narrow(inner), lda = narrow(a.ld), ldb = narrow(b.ld), ldc = narrow(cols);
  parallel_for(tiles.size(), threads, [&](std::size_t index) {  // C' = op(B)' op(A)'
    const auto [i, j] = tiles[index];
    const int m = narrow(std::min(kTile, cols - j)), n = narrow(std::min(kTile, rows - i));
    const double one = 1, zero = 0;
    lapack::dgemm_(b_t ? "T" : "N", a_t ? "T" : "N", &m, &n, &k, &one, b_t ? &b(j, 0) : &b(0, j), &ldb,
                   a_t ? &a(0, i) : &a(i, 0), &lda, &zero, &c(i, j), &ldc);
  });
  return c;
}

GramSum::GramSum(std::size_t n, int threads) : n_(n), threads_(threads), sum_(n, n), panel_(n, kPanel + kPadding) {}

void GramSum::add(MatrixView<const float> block) { add_block(block); }
void GramSum::add(MatrixView<const double> block) { add_block(block); }

template <class T>
void GramSum::add_block(MatrixView<const T> block) {
  BRAINMT_CHECK(block.rows == n_, "a block of {} rows for {}", block.rows, n_);
  BRAINMT_CHECK(sum_.rows == n_, "the sum was taken");
  constexpr std::size_t kRows = 256;
  for (std::size_t first = 0; first < block.cols; first += kPanel) {
    const std::size_t width = std::min(kPanel, block.cols - first);
    parallel_for((n_ + kRows - 1) / kRows, threads_, [&](std::size_t piece) {
      for (std::size_t i = piece * kRows; i < std::min(n_, (piece + 1) * kRows); ++i) {
        std::copy_n(block.row(i, first), width, panel_.row(i).data());
      }
    });
    add_panel(width);
  }
}

void GramSum::add_panel(std::size_t width) {
  const std::vector<Tile> tiles = tiles_of(n_, n_, /*lower=*/true);
  const int k = narrow(width), ldp = narrow(panel_.cols), ldc = narrow(n_);
  parallel_for(tiles.size(), threads_, [&](std::size_t index) {
    const auto [i, j] = tiles[index];
    const int m = narrow(std::min(kTile, n_ - j)), n = narrow(std::min(kTile, n_ - i));
    const double one = 1;
    if (i == j) {  // their upper triangle is our lower one
      lapack::dsyrk_("U", "T", &n, &k, &one, &panel_(i, 0), &ldp, &one, &sum_(i, i), &ldc);
    } else {
      lapack::dgemm_("T", "N", &m, &n, &k, &one, &panel_(j, 0), &ldp, &panel_(i, 0), &ldp, &one, &sum_(i, j), &ldc);
    }
  });
}

Matrix GramSum::take() {
  copy_lower_to_upper(sum_, threads_);
  panel_ = {};
  return std::exchange(sum_, {});
}

Matrix gram(MatrixView<const double> x, int threads) {
  GramSum sum(x.rows, threads);
  sum.add(x);
  return sum.take();
}

Matrix gram(MatrixView<const float> x, int threads) {
  GramSum sum(x.rows, threads);
  sum.add(x);
  return sum.take();
}

}  // namespace brainmt::linalg
