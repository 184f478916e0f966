#include "linalg/cholesky.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "linalg/lapack.hpp"
#include "linalg/one_thread.hpp"

namespace brainmt::linalg {
namespace {

constexpr std::size_t kTile = 256;
constexpr std::size_t kRightHandSides = 64;  // of a piece of work

int narrow(std::size_t value) { return static_cast<int>(value); }

}  // namespace

// Right-looking, for each block column k: L_kk of the tile on the diagonal, L_ik = A_ik L_kk'^-1 below it, and
// A_ij -= L_ik L_jk' for what is to the right.
std::optional<std::size_t> cholesky(MatrixView<double> a, int threads) {
  BRAINMT_CHECK(a.rows == a.cols, "{} x {} is not square", a.rows, a.cols);
  const std::size_t n = a.rows;
  const int ld = narrow(a.ld);
  const double one = 1, minus_one = -1;
  for (std::size_t k = 0; k < n; k += kTile) {
    const int width = narrow(std::min(kTile, n - k));
    int info = 0;
    {
      const OneThread one_thread;
      lapack::dpotrf_("U", &width, &a(k, k), &ld, &info);  // their upper triangle is our lower one
    }
    BRAINMT_CHECK(info >= 0, "dpotrf: argument {}", -info);
    if (info > 0) return k + static_cast<std::size_t>(info) - 1;
    const std::size_t next = k + kTile;
    if (next >= n) break;
    const std::size_t blocks = (n - next + kTile - 1) / kTile;
    parallel_for(blocks, threads, [&](std::size_t block) {
      const std::size_t i = next + block * kTile;
      const int rows = narrow(std::min(kTile, n - i));
      lapack::dtrsm_("L", "U", "T", "N", &width, &rows, &one, &a(k, k), &ld, &a(i, k), &ld);
    });
    parallel_for(blocks * (blocks + 1) / 2, threads, [&](std::size_t index) {
      std::size_t block_row = 0;
      while ((block_row + 1) * (block_row + 2) / 2 <= index) ++block_row;
      const std::size_t i = next + block_row * kTile, j = next + (index - block_row * (block_row + 1) / 2) * kTile;
      const int rows = narrow(std::min(kTile, n - i)), cols = narrow(std::min(kTile, n - j));
      if (i == j) {
        lapack::dsyrk_("U", "T", &rows, &width, &minus_one, &a(i, k), &ld, &one, &a(i, i), &ld);
      } else {
        lapack::dgemm_("T", "N", &cols, &rows, &width, &minus_one, &a(j, k), &ld, &a(i, k), &ld, &one, &a(i, j), &ld);
      }
    });
  }
  return std::nullopt;
}

void solve_with_factor(MatrixView<const double> l, MatrixView<double> b, int threads) {
  BRAINMT_CHECK(l.rows == l.cols && b.rows == l.rows, "a factor {} x {} and {} rows", l.rows, l.cols, b.rows);
  const int n = narrow(l.rows), ldl = narrow(l.ld), ldb = narrow(b.ld);
  if (n == 0 || b.cols == 0) return;
  parallel_for((b.cols + kRightHandSides - 1) / kRightHandSides, threads, [&](std::size_t piece) {
    const std::size_t first = piece * kRightHandSides;
    const int count = narrow(std::min(kRightHandSides, b.cols - first));
    const double one = 1;
    lapack::dtrsm_("R", "U", "N", "N", &count, &n, &one, l.data, &ldl, &b(0, first), &ldb);  // B' L'^-1
    lapack::dtrsm_("R", "U", "T", "N", &count, &n, &one, l.data, &ldl, &b(0, first), &ldb);  // times L^-1
  });
}

std::optional<Matrix> solve_spd(Matrix a, Matrix b, int threads) {
  if (cholesky(a.view(), threads)) return std::nullopt;
  solve_with_factor(std::as_const(a).view(), b.view(), threads);
  return b;
}

std::optional<Matrix> inverse_spd(Matrix a, int threads) {
  Matrix identity(a.rows, a.rows);
  for (std::size_t i = 0; i < a.rows; ++i) identity(i, i) = 1;
  std::optional<Matrix> inverse = solve_spd(std::move(a), std::move(identity), threads);
  if (!inverse) return inverse;
  for (std::size_t i = 0; i < inverse->rows; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const double mean = ((*inverse)(i, j) + (*inverse)(j, i)) / 2;
      (*inverse)(i, j) = (*inverse)(j, i) = mean;
    }
  }
  return inverse;
}

}  // namespace brainmt::linalg
