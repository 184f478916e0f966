// Products, Cholesky factors and eigenvalues against plain loops, and their bits on 1, 2 and 3 threads.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "base/error.hpp"
#include "base/philox.hpp"
#include "linalg/cholesky.hpp"
#include "linalg/eigen.hpp"
#include "linalg/one_thread.hpp"
#include "linalg/products.hpp"
#include "support/expect_error.hpp"

namespace brainmt::linalg {
namespace {

constexpr double kEps = std::numeric_limits<double>::epsilon();

Matrix random_matrix(std::size_t rows, std::size_t cols, std::uint64_t seed) {
  Matrix matrix(rows, cols);
  Philox random(seed, 1);
  for (double& value : matrix.values) value = random.normal();
  return matrix;
}

// Positive definite, condition number about 100.
Matrix random_spd(std::size_t n, std::uint64_t seed) {
  Matrix a = gram(random_matrix(n, n, seed).view(), 1);
  for (std::size_t i = 0; i < n; ++i) a(i, i) += 0.04 * static_cast<double>(n);
  return a;
}

bool same_bits(const Matrix& a, const Matrix& b) {
  return a.rows == b.rows && a.cols == b.cols &&
         std::memcmp(a.values.data(), b.values.data(), a.values.size() * sizeof(double)) == 0;
}

// Each entry within k eps / 2 (|A| |B|), and what the plain loop may be off itself: twice that.
void expect_product(const Matrix& c, const Matrix& a, bool a_t, const Matrix& b, bool b_t) {
  const std::size_t inner = a_t ? a.rows : a.cols;
  for (std::size_t i = 0; i < c.rows; ++i) {
    for (std::size_t j = 0; j < c.cols; ++j) {
      double sum = 0, size = 0;
      for (std::size_t k = 0; k < inner; ++k) {
        const double term = (a_t ? a(k, i) : a(i, k)) * (b_t ? b(j, k) : b(k, j));
        sum += term, size += std::abs(term);
      }
      ASSERT_NEAR(c(i, j), sum, static_cast<double>(inner) * kEps * size) << i << ", " << j;
    }
  }
}

TEST(Matmul, MatchesPlainLoopsForBothOperations) {
  const std::size_t rows = 517, inner = 19, cols = 530;  // two tiles and a rest each way
  for (const bool a_t : {false, true}) {
    for (const bool b_t : {false, true}) {
      const Matrix a = a_t ? random_matrix(inner, rows, 1) : random_matrix(rows, inner, 1);
      const Matrix b = b_t ? random_matrix(cols, inner, 2) : random_matrix(inner, cols, 2);
      const Op op_a = a_t ? Op::kTranspose : Op::kNone, op_b = b_t ? Op::kTranspose : Op::kNone;
      const Matrix c = matmul(a.view(), op_a, b.view(), op_b, 2);
      ASSERT_EQ(c.rows, rows);
      ASSERT_EQ(c.cols, cols);
      expect_product(c, a, a_t, b, b_t);
      EXPECT_TRUE(same_bits(c, matmul(a.view(), op_a, b.view(), op_b, 1)));
    }
  }
}

TEST(GramSum, MatchesPlainLoopsAndIsSymmetric) {
  const Matrix x = random_matrix(521, 300, 3);
  const Matrix g = gram(x.view(), 2);
  expect_product(g, x, false, x, true);
  for (std::size_t i = 0; i < g.rows; ++i) {
    for (std::size_t j = 0; j < i; ++j) ASSERT_EQ(g(i, j), g(j, i));
  }
}

TEST(GramSum, GivesTheSameBitsForAnyBlocksAndThreads) {
  const std::size_t n = 530, columns = 1100;
  std::vector<float> x(n * columns);
  Philox random(4, 1);
  for (float& value : x) value = static_cast<float>(random.normal());
  const MatrixView<const float> whole{x.data(), columns, n, columns};
  const Matrix expected = gram(whole, 1);
  for (const std::size_t width : {GramSum::kPanel, 2 * GramSum::kPanel, 5 * GramSum::kPanel}) {
    for (const int threads : {1, 2, 3}) {
      GramSum sum(n, threads);
      for (std::size_t first = 0; first < columns; first += width)
        sum.add(MatrixView<const float>{x.data() + first, columns, n, std::min(width, columns - first)});
      EXPECT_TRUE(same_bits(sum.take(), expected)) << width << ", " << threads;
    }
  }
}

TEST(Cholesky, MatchesPlainLoopsOnAnyThreads) {
  const std::size_t n = 600;  // two tiles and a rest
  const Matrix a = random_spd(n, 5);
  Matrix plain = a;
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t i = j; i < n; ++i) {
      double sum = plain(i, j);
      for (std::size_t k = 0; k < j; ++k) sum -= plain(i, k) * plain(j, k);
      plain(i, j) = i == j ? std::sqrt(sum) : sum / plain(j, j);
    }
  }
  Matrix factor = a;
  ASSERT_FALSE(cholesky(factor.view(), 2));
  for (std::size_t i = 0; i < n; ++i) {
    // Both are off by n eps times the condition number (100), relative to the largest entry.
    for (std::size_t j = 0; j <= i; ++j)
      ASSERT_NEAR(factor(i, j), plain(i, j), 100 * static_cast<double>(n) * kEps * std::sqrt(a(i, i)))
          << i << ", " << j;
  }
  for (const int threads : {1, 3}) {
    Matrix other = a;
    ASSERT_FALSE(cholesky(other.view(), threads));
    EXPECT_TRUE(same_bits(other, factor)) << threads;
  }
}

TEST(Cholesky, NamesTheFirstRowThatIsNotPositive) {
  for (const std::size_t bad : {std::size_t{0}, std::size_t{255}, std::size_t{256}, std::size_t{500}}) {
    Matrix a = random_spd(520, 6);
    a(bad, bad) = -1;
    EXPECT_EQ(cholesky(a.view(), 2), bad);
  }
}

TEST(Solve, LeavesASmallResidualOnAnyThreads) {
  const std::size_t n = 520, sides = 130;
  const Matrix a = random_spd(n, 7), b = random_matrix(n, sides, 8);
  const auto x = solve_spd(a, b, 2);
  ASSERT_TRUE(x);
  const Matrix product = matmul(a, *x);
  // |A x - b| <= c n eps |L| |L'| |x|: entries of x are below 1 and rows of A sum to about 60 n.
  for (std::size_t i = 0; i < product.values.size(); ++i)
    ASSERT_NEAR(product.values[i], b.values[i], 60.0 * static_cast<double>(n * n) * kEps);
  EXPECT_TRUE(same_bits(*x, *solve_spd(a, b, 1)));
  EXPECT_FALSE(solve_spd(Matrix(3, 3), Matrix(3, 1)));
}

TEST(Solve, InverseTimesMatrixIsTheIdentity) {
  const std::size_t n = 60;
  const Matrix a = random_spd(n, 9), inverse = *inverse_spd(a), product = matmul(a, inverse);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      EXPECT_NEAR(product(i, j), i == j, 100 * static_cast<double>(n) * kEps);
      EXPECT_EQ(inverse(i, j), inverse(j, i));
    }
  }
}

TEST(Eigen, VectorsDiagonaliseTheMatrix) {
  const std::size_t n = 90;
  const Matrix a = random_spd(n, 10);
  const Eigenpairs eigen = eigendecompose(a, "a");
  const double bound = 100 * kEps * eigen.values.back();
  for (std::size_t k = 0; k < n; ++k) {
    EXPECT_LE(eigen.values[k == 0 ? 0 : k - 1], eigen.values[k]);
    double largest = 0;
    for (std::size_t i = 0; i < n; ++i) {
      double product = 0;
      for (std::size_t j = 0; j < n; ++j) product += a(i, j) * eigen.vectors(k, j);
      EXPECT_NEAR(product, eigen.values[k] * eigen.vectors(k, i), bound);
      if (std::abs(eigen.vectors(k, i)) > std::abs(largest)) largest = eigen.vectors(k, i);
    }
    EXPECT_GT(largest, 0);
    for (std::size_t other = 0; other <= k; ++other) {
      double dot = 0;
      for (std::size_t i = 0; i < n; ++i) dot += eigen.vectors(k, i) * eigen.vectors(other, i);
      EXPECT_NEAR(dot, k == other, 100 * kEps);
    }
  }
  const Matrix root = apply(eigen, [](double value) { return std::sqrt(value); });
  const Matrix square = matmul(root, root);
  for (std::size_t i = 0; i < a.values.size(); ++i) EXPECT_NEAR(square.values[i], a.values[i], bound);
}

TEST(Eigen, RefusesWhatIsNotFinite) {
  Matrix a(3, 3);
  a(2, 1) = std::nan("");
  test::expect_error<NonFiniteError>([&] { eigendecompose(a, "the mean"); }, {"the mean", "not"});
}

TEST(ParallelFor, RunsEachPieceOnceAndThrowsTheFirstFailure) {
  std::vector<std::atomic<int>> calls(100);
  parallel_for(calls.size(), 3, [&](std::size_t i) { ++calls[i]; });
  for (const auto& count : calls) EXPECT_EQ(count, 1);
  EXPECT_THROW(parallel_for(4, 2,
                            [](std::size_t i) {
                              if (i == 2) throw std::out_of_range("2");
                            }),
               std::out_of_range);
}

TEST(OneThread, GivesOpenMpItsThreadsBack) {
  const int before = threads();
  {
    const OneThread one_thread;
    EXPECT_EQ(threads(), 1);
    gram(random_matrix(40, 40, 11).view(), 2);
    EXPECT_EQ(threads(), 1);
  }
  EXPECT_EQ(threads(), before);
}

}  // namespace
}  // namespace brainmt::linalg
