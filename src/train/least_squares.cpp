// QR by Gram-Schmidt on the centred columns, each of them orthogonalised twice, which keeps them orthogonal to
// rounding.
#include "train/least_squares.hpp"

#include <cmath>
#include <numeric>

#include "base/error.hpp"

namespace brainmt::train {
namespace {

using Column = std::vector<double>;

// What is left of a column after those before it, relative to the column, below which it counts as their combination.
constexpr double kDependent = 1e-9;

double dot(const Column& a, const Column& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }

double center(Column& x) {
  const double mean = std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
  for (double& value : x) value -= mean;
  return mean;
}

// Rounding alone leaves this much of a constant column after its mean was subtracted.
double rounding_of(double mean, std::size_t count) {
  return 1e-14 * std::abs(mean) * std::sqrt(static_cast<double>(count));
}

}  // namespace

LinearFit fit_linear(const std::vector<std::vector<double>>& rows, const std::vector<double>& y) {
  BRAINMT_CHECK(!rows.empty() && rows.size() == y.size(), "{} rows for {} values", rows.size(), y.size());
  const std::size_t n = rows.size(), p = rows.front().size();
  LinearFit fit;
  fit.coefficients.assign(p, 0.0);
  Column residual = y;
  fit.mean = center(residual);

  std::vector<Column> basis;         // orthonormal
  std::vector<std::size_t> members;  // the column that each basis vector came from
  std::vector<Column> triangle;      // of each of them: its parts along the basis, the last its own
  for (std::size_t j = 0; j < p; ++j) {
    Column x(n);
    for (std::size_t i = 0; i < n; ++i) x[i] = rows[i].at(j);
    const double mean = center(x);
    fit.centre.push_back(mean);
    const double length = std::sqrt(dot(x, x));
    Column parts(basis.size(), 0.0);
    for (int pass = 0; pass < 2; ++pass) {
      for (std::size_t b = 0; b < basis.size(); ++b) {
        const double part = dot(basis[b], x);
        for (std::size_t i = 0; i < n; ++i) x[i] -= part * basis[b][i];
        parts[b] += part;
      }
    }
    const double left = std::sqrt(dot(x, x));
    if (!(left > kDependent * length) || !(left > rounding_of(mean, n))) {
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

}  // namespace brainmt::train
