#include "baselines/kernel_fit.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/error.hpp"
#include "linalg/cholesky.hpp"
#include "linalg/products.hpp"

namespace brainmt::baselines {
namespace {

using linalg::Matrix;
using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }

Vector times(const Matrix& k, const Vector& v) {
  Vector result(k.rows);
  linalg::parallel_for((k.rows + 255) / 256, linalg::threads(), [&](std::size_t piece) {
    for (std::size_t i = piece * 256; i < std::min(k.rows, (piece + 1) * 256); ++i)
      result[i] = std::inner_product(v.begin(), v.end(), k.row(i).begin(), 0.0);
  });
  return result;
}

double probability(double f) { return f >= 0 ? 1 / (1 + std::exp(-f)) : std::exp(f) / (1 + std::exp(f)); }

// The state of Newton's iteration: u = lambda a is y - p at the solution, f = b + K u / lambda.
struct Point {
  Vector u, ku;  // K u / lambda
  double b = 0;
  double objective = 0;
};

double objective_of(const Point& at, const Vector& y) {
  double sum = 0.5 * dot(at.u, at.ku);
  for (std::size_t i = 0; i < y.size(); ++i) sum += log_loss(at.b + at.ku[i], y[i]);
  return sum;
}

// (I + W K/lambda)^-1 v = v - S B^-1 S (K/lambda) v with S = W^1/2, B = I + S K/lambda S.
class NewtonSystem {
 public:
  NewtonSystem(const Matrix& k, double lambda, const Vector& w) : k_(k), lambda_(lambda), s_(w.size()), factor_(k) {
    for (std::size_t i = 0; i < w.size(); ++i) s_[i] = std::sqrt(w[i]);
    for (std::size_t i = 0; i < k.rows; ++i) {
      for (std::size_t j = 0; j <= i; ++j) factor_(i, j) *= s_[i] * s_[j] / lambda;
      factor_(i, i) += 1;
    }
    is_good_ = !linalg::cholesky(factor_.view()).has_value();
  }
  bool is_good() const { return is_good_; }
  Vector solve(const Vector& v) const {
    Vector kv = times(k_, v);
    Matrix right(v.size(), 1);
    for (std::size_t i = 0; i < v.size(); ++i) right(i, 0) = s_[i] * kv[i] / lambda_;
    linalg::solve_with_factor(factor_.view(), right.view());
    Vector result(v.size());
    for (std::size_t i = 0; i < v.size(); ++i) result[i] = v[i] - s_[i] * right(i, 0);
    return result;
  }

 private:
  const Matrix& k_;
  double lambda_;
  Vector s_;
  Matrix factor_;
  bool is_good_ = false;
};

// The full Newton step from `at`; nothing where the system is not positive definite.
std::optional<Point> newton_target(const Matrix& k, const Vector& y, double lambda, const Point& at) {
  const std::size_t n = y.size();
  Vector w(n), t(n);
  for (std::size_t i = 0; i < n; ++i) {
    const double f = at.b + at.ku[i], p = probability(f);
    w[i] = p * (1 - p);
    t[i] = w[i] * f + y[i] - p;
  }
  const NewtonSystem system(k, lambda, w);
  if (!system.is_good()) return std::nullopt;
  const Vector of_t = system.solve(t), of_w = system.solve(w);
  const double below = std::accumulate(of_w.begin(), of_w.end(), 0.0);
  if (!(below > 0)) return std::nullopt;
  Point next;
  next.b = std::accumulate(of_t.begin(), of_t.end(), 0.0) / below;
  next.u.resize(n);
  for (std::size_t i = 0; i < n; ++i) next.u[i] = of_t[i] - next.b * of_w[i];
  next.ku = times(k, next.u);
  for (double& value : next.ku) value /= lambda;
  return next;
}

// at + step (next - at)
Point between(const Point& at, const Point& next, double step) {
  Point point{.u = Vector(at.u.size()), .ku = Vector(at.u.size()), .b = at.b + step * (next.b - at.b)};
  for (std::size_t i = 0; i < at.u.size(); ++i) {
    point.u[i] = at.u[i] + step * (next.u[i] - at.u[i]);
    point.ku[i] = at.ku[i] + step * (next.ku[i] - at.ku[i]);
  }
  return point;
}

double largest_change(const Point& a, const Point& b) {
  double change = 0;
  for (std::size_t i = 0; i < a.u.size(); ++i)
    change = std::max(change, std::abs(a.b + a.ku[i] - b.b - b.ku[i]) / (1 + std::abs(b.b + b.ku[i])));
  return change;
}

}  // namespace

double log_loss(double logit, double y) {
  const double margin = y > 0.5 ? logit : -logit;
  return margin > 0 ? std::log1p(std::exp(-margin)) : -margin + std::log1p(std::exp(margin));
}

Matrix part_of(const Matrix& k, const std::vector<std::size_t>& members) {
  Matrix part(members.size(), members.size());
  for (std::size_t i = 0; i < members.size(); ++i)
    for (std::size_t j = 0; j < members.size(); ++j) part(i, j) = k(members[i], members[j]);
  return part;
}

std::optional<KernelFit> fit_ridge(const Matrix& k, const Vector& y, double lambda, Matrix& factor) {
  BRAINMT_CHECK(lambda > 0 && k.rows == y.size() && k.cols == y.size(), "{} targets, lambda {}", y.size(), lambda);
  const std::size_t n = y.size();
  if (factor.rows != n || factor.cols != n) factor = Matrix(n, n);
  Matrix right(n, 2);
  for (std::size_t i = 0; i < n; ++i) {
    std::copy_n(k.row(i).begin(), i + 1, factor.row(i).begin());  // the lower triangle is enough
    factor(i, i) += lambda;
    right(i, 0) = y[i];
    right(i, 1) = 1;
  }
  if (linalg::cholesky(factor.view())) return std::nullopt;
  linalg::solve_with_factor(std::as_const(factor).view(), right.view());
  double of_y = 0, of_one = 0;
  for (std::size_t i = 0; i < n; ++i) of_y += right(i, 0), of_one += right(i, 1);
  KernelFit fit{.intercept = of_y / of_one, .a = Vector(n)};
  for (std::size_t i = 0; i < n; ++i) fit.a[i] = right(i, 0) - fit.intercept * right(i, 1);
  return fit;
}

std::optional<KernelFit> fit_ridge(const Matrix& k, const Vector& y, double lambda) {
  Matrix factor;
  return fit_ridge(k, y, lambda, factor);
}

std::optional<KernelFit> fit_logistic(const Matrix& k, const Vector& y, double lambda, const KernelFit* start) {
  BRAINMT_CHECK(lambda > 0 && k.rows == y.size(), "{} targets, lambda {}", y.size(), lambda);
  constexpr int kMaxSteps = 100, kMaxHalvings = 40;
  constexpr double kConverged = 1e-9;
  const std::size_t n = y.size();
  const double share = std::accumulate(y.begin(), y.end(), 0.0) / static_cast<double>(n);
  BRAINMT_CHECK(share > 0 && share < 1, "one class only");
  Point at{.u = Vector(n, 0.0), .ku = Vector(n, 0.0), .b = std::log(share / (1 - share))};
  if (start != nullptr) {  // the same w: a = u / lambda
    for (std::size_t i = 0; i < n; ++i) at.u[i] = start->a[i] * lambda;
    at.ku = times(k, start->a);
    at.b = start->intercept;
  }
  at.objective = objective_of(at, y);
  for (int iteration = 0; iteration < kMaxSteps; ++iteration) {
    const std::optional<Point> target = newton_target(k, y, lambda, at);
    if (!target) return std::nullopt;
    double step = 1;
    Point next = *target;
    next.objective = objective_of(next, y);
    for (int half = 0; half < kMaxHalvings && !(next.objective <= at.objective * (1 + 1e-14)); ++half) {
      step /= 2;
      next = between(at, *target, step);
      next.objective = objective_of(next, y);
    }
    const double change = largest_change(next, at);
    at = std::move(next);
    if (change < kConverged) {
      KernelFit fit{.intercept = at.b, .a = std::move(at.u)};
      for (double& value : fit.a) value /= lambda;
      return fit;
    }
  }
  return std::nullopt;
}

}  // namespace brainmt::baselines
