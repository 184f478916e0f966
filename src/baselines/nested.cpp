#include "baselines/nested.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "base/error.hpp"
#include "baselines/kernel_fit.hpp"
#include "task/least_squares.hpp"

namespace brainmt::baselines {
namespace {

using linalg::Matrix;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
// So few columns are solved by themselves: QR of the n x p design instead of n x n matrices.
constexpr std::size_t kFewEdges = 64;

double error_of(Method method, double output, double y) {
  return method == Method::kLogistic ? log_loss(output, y) : (output - y) * (output - y);
}

// Indices of `values`, the largest first: a logistic fit starts from the one before, which is smoother.
std::vector<std::size_t> falling(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::ranges::greater(), [&](std::size_t i) { return values[i]; });
  return order;
}

// The fits of several lambdas on one kernel; nothing where there is none.
std::vector<std::optional<KernelFit>> fits_of(Method method, const Matrix& k, const std::vector<double>& y,
                                              const std::vector<double>& lambdas) {
  std::vector<std::optional<KernelFit>> fits(lambdas.size());
  const KernelFit* before = nullptr;
  Matrix factor;
  for (const std::size_t l : falling(lambdas)) {
    if (!(lambdas[l] > 0)) continue;
    fits[l] =
        method == Method::kLogistic ? fit_logistic(k, y, lambdas[l], before) : fit_ridge(k, y, lambdas[l], factor);
    if (fits[l]) before = &*fits[l];
  }
  return fits;
}

std::vector<double> chosen_of(const std::vector<double>& values, const std::vector<std::size_t>& members) {
  std::vector<double> chosen;
  for (const std::size_t i : members) chosen.push_back(values[i]);
  return chosen;
}

// The fit of few columns in their own space.
LinearFit fit_columns(Method method, const Design& design, const Rows& rows, const std::vector<double>& y,
                      double lambda) {
  Matrix d(rows.size(), design.edges());
  design.block(rows, 0, d.view());
  std::vector<std::vector<double>> table;
  for (std::size_t i = 0; i < d.rows; ++i) table.emplace_back(d.row(i).begin(), d.row(i).end());
  const task::LinearFit fit =
      method == Method::kLogistic ? task::fit_logistic(table, y, lambda) : task::fit_ridge(table, y, lambda);
  return {.intercept = fit.of(std::vector<double>(d.cols, 0.0)), .weight = fit.coefficients};
}

}  // namespace

std::vector<double> default_lambdas(Method method, std::size_t edges) {
  if (method == Method::kKernelRidge)  // CBIG's, without 0, which interpolates
    return {1e-5, 1e-4, 1e-3, 4e-3, 7e-3, 1e-2, 4e-2, 7e-2, 0.1, 0.4, 0.7, 1, 1.5, 2, 2.5, 3, 3.5, 4, 5, 10, 15, 20};
  std::vector<double> lambdas;
  const int steps = method == Method::kRidge ? 13 : 11;
  for (int step = 0; step < steps; ++step)
    lambdas.push_back(static_cast<double>(edges) * std::pow(10.0, -4 + 0.5 * step));
  return lambdas;
}

NestedFit::NestedFit(const EdgeMatrix& x, Method method, Rows rows, std::vector<double> y)
    : x_(x),
      method_(method),
      rows_(std::move(rows)),
      y_(std::move(y)),
      design_(x, method == Method::kKernelRidge ? Design::Kind::kUnitRows : Design::Kind::kStandardised, rows_) {
  BRAINMT_CHECK(rows_.size() == y_.size(), "{} people, {} targets", rows_.size(), y_.size());
}

std::size_t NestedFit::used_edges() const {
  const EdgeStatistics& s = design_.statistics();
  return x_.edges() - s.dropped() - (method_ == Method::kKernelRidge ? 0 : s.constant());
}

const Matrix& NestedFit::kernel() {
  if (!kernel_) kernel_.emplace(design_.gram(rows_));
  return *kernel_;
}

// [held, lambdas]; `inner` and `held` are positions in rows_.
Matrix NestedFit::held_out_of(const Rows& inner, const Rows& held, const std::vector<double>& lambdas) {
  const std::vector<double> y = chosen_of(y_, inner);
  Matrix result(held.size(), lambdas.size());
  std::ranges::fill(result.values, kNone);
  if (method_ == Method::kKernelRidge) {
    const auto fits = fits_of(method_, part_of(kernel(), inner), y, lambdas);
    for (std::size_t l = 0; l < lambdas.size(); ++l) {
      for (std::size_t h = 0; fits[l] && h < held.size(); ++h) {
        double sum = fits[l]->intercept;
        for (std::size_t i = 0; i < inner.size(); ++i) sum += kernel()(held[h], inner[i]) * fits[l]->a[i];
        result(h, l) = sum;
      }
    }
    return result;
  }
  Rows inner_rows, held_rows;
  for (const std::size_t i : inner) inner_rows.push_back(rows_[i]);
  for (const std::size_t i : held) held_rows.push_back(rows_[i]);
  const Design design(x_, design_.kind(), inner_rows);
  std::vector<double> intercept(lambdas.size(), kNone);
  Matrix weight(x_.edges(), lambdas.size());
  if (x_.edges() <= kFewEdges) {
    for (std::size_t l = 0; l < lambdas.size(); ++l) {
      if (!(lambdas[l] > 0)) continue;
      const LinearFit fit = fit_columns(method_, design, inner_rows, y, lambdas[l]);
      intercept[l] = fit.intercept;
      for (std::size_t e = 0; e < weight.rows; ++e) weight(e, l) = fit.weight[e];
    }
  } else {
    const auto fits = fits_of(method_, design.gram(inner_rows), y, lambdas);
    Matrix a(inner.size(), lambdas.size());
    for (std::size_t l = 0; l < lambdas.size(); ++l) {
      if (!fits[l]) continue;
      intercept[l] = fits[l]->intercept;
      for (std::size_t i = 0; i < inner.size(); ++i) a(i, l) = fits[l]->a[i];
    }
    weight = design.transposed_times(inner_rows, a);
  }
  result = design.times(held_rows, weight);
  for (std::size_t h = 0; h < held.size(); ++h)
    for (std::size_t l = 0; l < lambdas.size(); ++l) result(h, l) += intercept[l];
  return result;
}

Choice NestedFit::choose(const InnerFolds& folds, const std::vector<double>& lambdas) {
  Choice choice{.lambda = lambdas,
                .held_out = Matrix(rows_.size(), lambdas.size()),
                .error = std::vector<double>(lambdas.size(), 0.0),
                .fold_error = std::vector(lambdas.size(), std::vector<double>(static_cast<std::size_t>(folds.count)))};
  for (int f = 0; f < folds.count; ++f) {
    Rows inner, held;
    for (std::size_t i = 0; i < rows_.size(); ++i) (folds.fold[i] == f ? held : inner).push_back(i);
    const Matrix predicted = held_out_of(inner, held, lambdas);
    for (std::size_t l = 0; l < lambdas.size(); ++l) {
      double sum = 0;
      for (std::size_t h = 0; h < held.size(); ++h) {
        choice.held_out(held[h], l) = predicted(h, l);
        sum += error_of(method_, predicted(h, l), y_[held[h]]);
      }
      choice.error[l] += sum / static_cast<double>(rows_.size());
      choice.fold_error[l][static_cast<std::size_t>(f)] = sum / static_cast<double>(held.size());
    }
  }
  constexpr double kRounding = 1e-12;  // errors this close are equal
  std::optional<std::size_t> best;
  for (const std::size_t l : falling(lambdas))
    if (std::isfinite(choice.error[l]) && (!best || choice.error[l] < choice.error[*best] * (1 - kRounding))) best = l;
  if (!best)
    throw DataError(
        fmt::format("baseline.lambda: no value of {} gives a finite error in the inner folds: expected "
                    "positive numbers, larger ones",
                    lambdas.size()));
  choice.best = *best;
  return choice;
}

std::optional<LinearFit> NestedFit::fit(double lambda) {
  if (!(lambda > 0)) return std::nullopt;
  if (method_ != Method::kKernelRidge && x_.edges() <= kFewEdges)
    return fit_columns(method_, design_, rows_, y_, lambda);
  const auto fit = fits_of(method_, kernel(), y_, {lambda}).front();
  if (!fit) return std::nullopt;
  Matrix a(rows_.size(), 1);
  std::ranges::copy(fit->a, a.values.begin());
  const Matrix weight = design_.transposed_times(rows_, a);
  return LinearFit{.intercept = fit->intercept, .weight = {weight.values.begin(), weight.values.end()}};
}

std::vector<double> predict(const Design& design, const LinearFit& fit, const Rows& rows) {
  Matrix weight(fit.weight.size(), 1);
  std::ranges::copy(fit.weight, weight.values.begin());
  const Matrix result = design.times(rows, weight);
  std::vector<double> outputs(result.values.begin(), result.values.end());
  for (double& output : outputs) output += fit.intercept;
  return outputs;
}

double best_threshold(const std::vector<double>& score, const std::vector<double>& y) {
  std::vector<std::size_t> order(score.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return score[i]; });
  // Below every score all are class 1; each step turns one of them into class 0.
  std::ptrdiff_t correct = std::ranges::count(y, 1.0), most = -1;
  double best = 0.5;
  for (std::size_t at = 0; at <= order.size(); ++at) {
    const bool is_cut = at == 0 || at == order.size() || score[order[at]] > score[order[at - 1]];
    if (is_cut) {
      // The numbers between two neighbours all cut alike: the nearest to 1/2.
      const double low = at == 0 ? -std::numeric_limits<double>::infinity() : score[order[at - 1]];
      const double high = at == order.size() ? std::numeric_limits<double>::infinity() : score[order[at]];
      const double threshold = low < 0.5 && high >= 0.5 ? 0.5
                               : high < 0.5             ? high
                                                        : std::midpoint(low, std::min(high, 2 * std::abs(low) + 1));
      if (correct > most || (correct == most && std::abs(threshold - 0.5) < std::abs(best - 0.5)))
        most = correct, best = threshold;
    }
    if (at < order.size()) correct += y[order[at]] == 1.0 ? -1 : 1;
  }
  return best;
}

}  // namespace brainmt::baselines
