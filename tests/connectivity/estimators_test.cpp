// What the golden files do not show: cumulants by plain loops, missing parcels, shrinkage by hand, sums of any order.
#include "connectivity/estimators.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "base/philox.hpp"
#include "comm/self_communicator.hpp"
#include "connectivity/coskewness.hpp"
#include "connectivity/exact_sum.hpp"
#include "connectivity/tangent.hpp"
#include "linalg/products.hpp"
#include "support/expect_error.hpp"

namespace brainmt::connectivity {
namespace {

using linalg::Matrix;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Matrix random_series(std::size_t parcels, std::size_t frames, std::uint64_t seed) {
  Matrix x(parcels, frames);
  Philox random(seed, 1);
  for (double& value : x.values) {
    const double normal = random.normal();
    value = normal + 0.4 * normal * normal;  // skewed
  }
  return x;
}

TEST(Coskewness, EqualsTheUnfoldedCumulantsOfPlainLoops) {
  const std::size_t parcels = 7, frames = 300;  // two blocks of frames
  const Matrix x = standardized(random_series(parcels, frames, 1), Scale::kZScore);
  Matrix unfolded(parcels, parcels * parcels);
  for (std::size_t i = 0; i < parcels; ++i) {
    for (std::size_t jk = 0; jk < unfolded.cols; ++jk) {
      for (std::size_t t = 0; t < frames; ++t)
        unfolded(i, jk) += x(i, t) * x(jk / parcels, t) * x(jk % parcels, t) / static_cast<double>(frames);
    }
  }
  const Matrix expected = linalg::gram(unfolded.view()), found = coskewness_operator(x);
  for (std::size_t i = 0; i < expected.values.size(); ++i)  // sums of 300^2 terms below 100
    ASSERT_NEAR(found.values[i], expected.values[i], 1e-12 * expected.values[0]) << i;
}

// Of all rows of a basis turned at random, the leading eigenvectors lose least of the cumulants.
TEST(Coskewness, LeadingSubspaceKeepsMostOfTheOperator) {
  const Matrix op = coskewness_operator(standardized(random_series(6, 120, 2), Scale::kZScore));
  double share = 0;
  const Matrix best = leading_subspace(op, 2, &share);
  const auto kept = [&](const Matrix& rows) {
    const Matrix inside =
        matmul(matmul(rows, op).view(), linalg::Op::kNone, rows.view(), linalg::Op::kTranspose);  // V op V'
    double trace = 0, all = 0;
    for (std::size_t i = 0; i < inside.rows; ++i) trace += inside(i, i);
    for (std::size_t i = 0; i < op.rows; ++i) all += op(i, i);
    return trace / all;
  };
  EXPECT_NEAR(kept(best), share, 1e-12);
  Matrix first_two(2, op.rows);
  first_two(0, 0) = first_two(1, 1) = 1;
  EXPECT_GT(share, kept(first_two));
  EXPECT_NEAR(kept(leading_subspace(op, op.rows)), 1, 1e-12);
}

TEST(Estimators, ConstantParcelHasNoCorrelationAndIsNamedMissing) {
  Matrix x = random_series(4, 50, 3);
  for (double& value : x.row(2)) value = 0.1;  // its mean is not exactly 0.1
  x(3, 7) = kNan;
  EXPECT_EQ(missing_parcels(x), (std::vector<bool>{false, false, true, true}));
  const Matrix r = pearson(x);
  EXPECT_EQ(r(2, 2), 1);
  EXPECT_EQ(r(0, 2), 0);
  EXPECT_EQ(r(2, 1), 0);
}

TEST(Estimators, FixedShrinkageIsTheFormula) {
  const Matrix z = standardized(random_series(5, 40, 4), Scale::kZScore);
  const Matrix s = shrunk_covariance(z, 0.0).matrix, c = shrunk_covariance(z, 0.3).matrix;
  for (std::size_t i = 0; i < 5; ++i) {
    for (std::size_t j = 0; j < 5; ++j) EXPECT_NEAR(c(i, j), 0.7 * s(i, j) + (i == j ? 0.3 : 0.0), 1e-14);
  }
  EXPECT_FALSE(partial_of(shrunk_covariance(standardized(random_series(30, 20, 5), Scale::kZScore), 0.0).matrix));
}

TEST(Estimators, EdgesAreTheUpperTriangleRowByRow) {
  Matrix m(3, 3);
  for (std::size_t i = 0; i < 9; ++i) m.values[i] = static_cast<double>(i);
  EXPECT_EQ(upper_triangle(m), (std::vector<double>{1, 2, 5}));
  const std::vector<Edge> edges = edges_of(3, /*with_diagonal=*/true);
  ASSERT_EQ(edges.size(), 6u);
  for (std::size_t e = 0; e < 3; ++e) EXPECT_EQ(m(edges[e].a, edges[e].b), upper_triangle(m)[e]);
  EXPECT_EQ(edges[4].a, 1u);
  EXPECT_EQ(edges[4].b, 1u);
  EXPECT_NEAR(fisher(1), std::atanh(1 - 1e-6), 1e-12);
}

TEST(Tangent, RefusesACovarianceThatIsNotPositiveDefinite) {
  Matrix good(2, 2), bad(2, 2);
  good(0, 0) = good(1, 1) = 1;
  bad(0, 0) = 1;
  comm::SelfCommunicator self;
  const auto covariance = [&](std::size_t i) { return i == 0 ? good : bad; };
  test::expect_error<DataError>([&] { affine_invariant_mean(2, 2, covariance, self, 1); }, {"positive definite"});
}

TEST(ExactSum, IsExactAndBlindToTheOrder) {
  const std::vector<double> terms{1e20, 1, -1e20, 0x1p-80, 3e-5, -1, 0.1};
  comm::SelfCommunicator self;
  ExactSum forward(1), backward(1);
  for (std::size_t i = 0; i < terms.size(); ++i) {
    forward.add(std::array{terms[i]});
    backward.add(std::array{terms[terms.size() - 1 - i]});
  }
  const double sum = forward.take(self)[0];
  EXPECT_EQ(sum, backward.take(self)[0]);
  EXPECT_NEAR(sum, 0.10003, 1e-16);
  test::expect_error<NonFiniteError>([&] { forward.add(std::array{kNan}); }, {"nan"});
}

}  // namespace
}  // namespace brainmt::connectivity
