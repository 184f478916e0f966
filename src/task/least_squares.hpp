#pragma once
// Linear models with an intercept, in double: least squares, and logistic regression by iterated least squares.
#include <vector>

namespace brainmt::task {

/// y ~ mean + sum_j coefficients[j] (x_j - centre[j]).
struct LinearFit {
  double mean = 0;                          // of y: the intercept at the centre
  std::vector<double> centre;               // mean of each column
  std::vector<double> coefficients;         // 0 for a column that is constant or a combination of those before it
  std::vector<std::size_t> without_effect;  // indices of those columns

  double of(const std::vector<double>& x) const;
};

/// `rows` [n][p], all of the same length, and `y` [n], n >= 1. Sums run in the order of the rows, so equal input gives
/// equal bits.
LinearFit fit_linear(const std::vector<std::vector<double>>& rows, const std::vector<double>& y);

/// The same with the penalty ridge |coefficients|^2 on the sum of squares, ridge > 0; the mean is free.
LinearFit fit_ridge(const std::vector<std::vector<double>>& rows, const std::vector<double>& y, double ridge);

/// The logit of P(y = 1) for `y` of 0 and 1, by iterated weighted least squares. The penalty ridge |coefficients|^2 / 2
/// on the negative log-likelihood keeps separable classes finite; it must be positive.
LinearFit fit_logistic(const std::vector<std::vector<double>>& rows, const std::vector<double>& y, double ridge);

}  // namespace brainmt::task
