// QR by Gram-Schmidt on the centred columns, each of them orthogonalised twice, which keeps them orthogonal to
// rounding.
#include "task/least_squares.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.hpp"

namespace brainmt::task {
namespace {

using Column = std::vector<double>;

// Relative norm of a column's residual on the columns before it, below which it counts as their linear combination.
constexpr double kDependent = 1e-9;

double dot(const Column& a, const Column& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }

// Rounding error of a constant column of this total weight after subtraction of its mean.
double rounding_of(double mean, double weight) { return 1e-14 * std::abs(mean) * std::sqrt(weight); }

// min_c  sum_i weights[i] (y_i - x_i c)^2 + ridge sum_j c_j^2
// as an ordinary problem: rows scaled by sqrt(weights[i]), and one further row sqrt(ridge) e_j for each column.
class Problem {
 public:
  Problem(const std::vector<std::vector<double>>& rows, const std::vector<double>& weights, double ridge)
      : rows_(rows),
        weights_(weights),
        total_(std::accumulate(weights.begin(), weights.end(), 0.0)),
        root_of_ridge_(std::sqrt(ridge)) {}

  std::size_t columns() const { return rows_.front().size(); }
  double total_weight() const { return total_; }
  Column column(std::size_t j) const {
    Column x(rows_.size());
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = rows_[i].at(j);
    return x;
  }
  // Subtracts the mean, which it returns, weighs, and appends the rows of the ridge, still zeros.
  double center(Column& x) const {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += weights_[i] * x[i];
    const double mean = sum / total_;
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = std::sqrt(weights_[i]) * (x[i] - mean);
    x.resize(rows_.size() + columns(), 0.0);
    return mean;
  }
  void add_ridge(Column& centred, std::size_t j) const { centred[rows_.size() + j] = root_of_ridge_; }

 private:
  const std::vector<std::vector<double>>& rows_;
  const std::vector<double>& weights_;
  double total_, root_of_ridge_;
};

LinearFit solve(const Problem& problem, const std::vector<double>& y) {
  LinearFit fit;
  fit.coefficients.assign(problem.columns(), 0.0);
  Column residual = y;
  fit.mean = problem.center(residual);

  std::vector<Column> basis;         // orthonormal
  std::vector<std::size_t> members;  // the column that each basis vector came from
  std::vector<Column> triangle;      // of each of them: its parts along the basis, the last its own
  for (std::size_t j = 0; j < problem.columns(); ++j) {
    Column x = problem.column(j);
    const double mean = problem.center(x);
    problem.add_ridge(x, j);
    fit.centre.push_back(mean);
    const double length = std::sqrt(dot(x, x));
    Column parts(basis.size(), 0.0);
    for (int pass = 0; pass < 2; ++pass) {
      for (std::size_t b = 0; b < basis.size(); ++b) {
        const double part = dot(basis[b], x);
        for (std::size_t i = 0; i < x.size(); ++i) x[i] -= part * basis[b][i];
        parts[b] += part;
      }
    }
    const double left = std::sqrt(dot(x, x));
    if (!(left > kDependent * length) || !(left > rounding_of(mean, problem.total_weight()))) {
      fit.without_effect.push_back(j);
      continue;
    }
    for (double& value : x) value /= left;
    parts.push_back(left);
    basis.push_back(std::move(x));
    members.push_back(j);
    triangle.push_back(std::move(parts));
  }

  // R c = Q^T y from the last column back.
  for (std::size_t b = basis.size(); b-- > 0;) {
    double right = dot(basis[b], residual);
    for (std::size_t later = b + 1; later < basis.size(); ++later)
      right -= triangle[later][b] * fit.coefficients[members[later]];
    fit.coefficients[members[b]] = right / triangle[b][b];
  }
  return fit;
}

// Largest change of the intercept at 0 and of the coefficients.
double change_between(const LinearFit& a, const LinearFit& b) {
  const auto intercept = [](const LinearFit& fit) { return fit.of(Column(fit.coefficients.size(), 0.0)); };
  double largest = std::abs(intercept(a) - intercept(b));
  for (std::size_t j = 0; j < a.coefficients.size(); ++j)
    largest = std::max(largest, std::abs(a.coefficients[j] - b.coefficients[j]));
  return largest;
}

}  // namespace

double LinearFit::of(const std::vector<double>& x) const {
  double sum = mean;
  for (std::size_t j = 0; j < coefficients.size(); ++j) sum += coefficients[j] * (x[j] - centre[j]);
  return sum;
}

LinearFit fit_linear(const std::vector<std::vector<double>>& rows, const std::vector<double>& y) {
  BRAINMT_CHECK(!rows.empty() && rows.size() == y.size(), "{} rows for {} values", rows.size(), y.size());
  const std::vector<double> ones(rows.size(), 1.0);
  return solve(Problem(rows, ones, 0.0), y);
}

LinearFit fit_ridge(const std::vector<std::vector<double>>& rows, const std::vector<double>& y, double ridge) {
  BRAINMT_CHECK(!rows.empty() && rows.size() == y.size() && ridge > 0, "{} rows for {} values, ridge {}", rows.size(),
                y.size(), ridge);
  const std::vector<double> ones(rows.size(), 1.0);
  return solve(Problem(rows, ones, ridge), y);
}

LinearFit fit_logistic(const std::vector<std::vector<double>>& rows, const std::vector<double>& y, double ridge) {
  BRAINMT_CHECK(!rows.empty() && rows.size() == y.size() && ridge > 0, "{} rows for {} values, ridge {}", rows.size(),
                y.size(), ridge);
  constexpr int kMaxSteps = 100;
  constexpr double kSmall = 1e-10;
  constexpr double kSure = 30;  // logits are clamped to +-kSure: with a single class the iteration would diverge
  const std::size_t p = rows.front().size();
  LinearFit fit{.mean = 0, .centre = Column(p, 0.0), .coefficients = Column(p, 0.0), .without_effect = {}};
  Column weights(rows.size()), aims(rows.size());
  for (int step = 0; step < kMaxSteps; ++step) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const double logit = std::clamp(fit.of(rows[i]), -kSure, kSure);
      const double one = 1 / (1 + std::exp(-logit)), zero = 1 / (1 + std::exp(logit));
      weights[i] = one * zero;
      aims[i] = logit + (y[i] * zero - (1 - y[i]) * one) / weights[i];
    }
    LinearFit next = solve(Problem(rows, weights, ridge), aims);
    const double change = change_between(next, fit);
    fit = std::move(next);
    if (change < kSmall) break;
  }
  return fit;
}

}  // namespace brainmt::task
