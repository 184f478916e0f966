// Logistic regression: where the gradient of the penalised likelihood vanishes, which is an independent condition on
// the answer; and what must stay finite. Least squares alone are tested with the confounds that they remove.
#include "task/least_squares.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/philox.hpp"

namespace brainmt::task {
namespace {

using Rows = std::vector<std::vector<double>>;

// Of the negative log-likelihood with the penalty ridge |c|^2 / 2, in the intercept and each coefficient.
std::vector<double> gradient_at(const LinearFit& fit, const Rows& rows, const std::vector<double>& y, double ridge) {
  std::vector<double> gradient(1 + fit.coefficients.size(), 0.0);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double error = 1 / (1 + std::exp(-fit.of(rows[i]))) - y[i];
    gradient[0] += error;
    for (std::size_t j = 0; j < rows[i].size(); ++j) gradient[1 + j] += error * rows[i][j];
  }
  for (std::size_t j = 0; j < fit.coefficients.size(); ++j) gradient[1 + j] += ridge * fit.coefficients[j];
  return gradient;
}

TEST(LogisticFit, IsWhereTheGradientVanishes) {
  Rows rows;
  std::vector<double> y;
  Philox random(5, 1);
  for (int i = 0; i < 120; ++i) {
    const double a = random.normal(), b = 3 + 0.1 * random.normal();  // the second has a mean that is not 0
    rows.push_back({a, b, a + 0.05 * random.normal(), 7});            // nearly a copy, and a constant
    y.push_back(random.normal() < a - 2 * (b - 3) - 0.5 ? 1 : 0);
  }
  for (const double ridge : {0.01, 0.5, 20.0}) {
    const LinearFit fit = fit_logistic(rows, y, ridge);
    // Sums of 120 terms below 10, at a point that is known to 1e-10.
    for (const double slope : gradient_at(fit, rows, y, ridge)) EXPECT_NEAR(slope, 0, 1e-8) << ridge;
    EXPECT_NEAR(fit.coefficients[3], 0, 1e-12);
  }
}

TEST(LogisticFit, AHeavyPenaltyLeavesThePrevalence) {
  const LinearFit fit = fit_logistic({{-1}, {0}, {1}, {2}}, {0, 1, 1, 1}, 1e9);
  EXPECT_NEAR(fit.of({100}), std::log(3.0), 1e-6);
}

TEST(LogisticFit, CopiesOfAColumnShareItsEffect) {
  const std::vector<double> y{0, 1, 0, 1, 1};
  const LinearFit two = fit_logistic({{-2, -2}, {-1, -1}, {0, 0}, {1, 1}, {2, 2}}, y, 0.2);
  EXPECT_NEAR(two.coefficients[0], two.coefficients[1], 1e-10);
}

TEST(LogisticFit, SeparableClassesAndOneClassStayFinite) {
  const Rows rows{{-2}, {-1}, {1}, {2}};
  const std::vector<double> apart{0, 0, 1, 1};
  const LinearFit fit = fit_logistic(rows, apart, 0.004);
  for (const double slope : gradient_at(fit, rows, apart, 0.004)) EXPECT_NEAR(slope, 0, 1e-8);
  EXPECT_GT(fit.of({1}), 0);
  EXPECT_LT(fit.of({-1}), 0);
  const double sure = fit_logistic(rows, {1, 1, 1, 1}, 0.004).of({0});
  EXPECT_TRUE(std::isfinite(sure));
  EXPECT_GT(sure, 20);
  // A class far on the wrong side: its row has next to no weight and an aim far away.
  const LinearFit odd = fit_logistic({{-2}, {-1}, {1}, {2}, {-300}}, {0, 0, 1, 1, 1}, 1e-6);
  EXPECT_TRUE(std::isfinite(odd.of({1})) && std::isfinite(odd.coefficients[0]));
}

}  // namespace
}  // namespace brainmt::task
