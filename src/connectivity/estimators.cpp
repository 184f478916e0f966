#include "connectivity/estimators.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "linalg/cholesky.hpp"
#include "linalg/products.hpp"

namespace brainmt::connectivity {

using linalg::Matrix;

namespace {

bool is_constant(std::span<const double> row) {
  return std::ranges::all_of(row, [&](double value) { return value == row.front(); });
}

double sum_of_squares(std::span<const double> values) {
  return std::inner_product(values.begin(), values.end(), values.begin(), 0.0);
}

}  // namespace

Matrix standardized(Matrix x, Scale scale) {
  for (std::size_t i = 0; i < x.rows; ++i) {
    const auto row = x.row(i);
    if (is_constant(row)) {
      std::ranges::fill(row, 0.0);
      continue;
    }
    const double mean = std::accumulate(row.begin(), row.end(), 0.0) / static_cast<double>(x.cols);
    for (double& value : row) value -= mean;
    if (scale == Scale::kRaw) continue;
    const double sd = std::sqrt(sum_of_squares(row) / static_cast<double>(x.cols));
    for (double& value : row) value /= sd;
  }
  return x;
}

std::vector<bool> missing_parcels(const Matrix& x) {
  std::vector<bool> missing(x.rows);
  for (std::size_t i = 0; i < x.rows; ++i) {
    const auto row = x.row(i);
    missing[i] =
        row.empty() || is_constant(row) || !std::ranges::all_of(row, [](double v) { return std::isfinite(v); });
  }
  return missing;
}

Matrix pearson(const Matrix& x) {
  const Matrix z = standardized(x, Scale::kZScore);
  Matrix r = linalg::gram(z.view(), 1);
  for (double& value : r.values) value = std::clamp(value / static_cast<double>(x.cols), -1.0, 1.0);
  for (std::size_t i = 0; i < r.rows; ++i) r(i, i) = 1;
  return r;
}

Covariance shrunk_covariance(const Matrix& centred, std::optional<double> shrinkage) {
  const auto frames = static_cast<double>(centred.cols), parcels = static_cast<double>(centred.rows);
  Covariance result{linalg::gram(centred.view(), 1), 0};
  Matrix& c = result.matrix;
  for (double& value : c.values) value /= frames;
  double trace = 0;
  for (std::size_t i = 0; i < c.rows; ++i) trace += c(i, i);
  const double mean = trace / parcels;
  if (shrinkage) {
    result.shrinkage = *shrinkage;
  } else {
    const double square = sum_of_squares(c.values);
    const double distance = (square - parcels * mean * mean) / parcels;  // |S - m I|^2 = |S|^2 - P m^2
    std::vector<double> lengths(centred.cols);                           // |x_t|^2
    for (std::size_t i = 0; i < centred.rows; ++i) {
      for (std::size_t t = 0; t < centred.cols; ++t) lengths[t] += centred(i, t) * centred(i, t);
    }
    const double noise = std::min(distance, (sum_of_squares(lengths) / frames - square) / (frames * parcels));
    result.shrinkage = distance > 0 ? std::clamp(noise / distance, 0.0, 1.0) : 0.0;
  }
  const double s = result.shrinkage;
  for (double& value : c.values) value *= 1 - s;
  for (std::size_t i = 0; i < c.rows; ++i) c(i, i) += s * mean;
  return result;
}

namespace {

// m_ij / sqrt(m_ii m_jj) x sign; 0 where a diagonal entry is 0; the diagonal 1.
Matrix normalized(Matrix m, double sign) {
  std::vector<double> root(m.rows);
  for (std::size_t i = 0; i < m.rows; ++i) root[i] = std::sqrt(m(i, i));
  for (std::size_t i = 0; i < m.rows; ++i) {
    for (std::size_t j = 0; j < m.cols; ++j) {
      const double size = root[i] * root[j];
      m(i, j) = i == j ? 1.0 : size > 0 ? std::clamp(sign * m(i, j) / size, -1.0, 1.0) : 0.0;
    }
  }
  return m;
}

}  // namespace

Matrix correlation_of(const Matrix& covariance) { return normalized(covariance, 1); }

std::optional<Matrix> partial_of(const Matrix& covariance) {
  std::optional<Matrix> precision = linalg::inverse_spd(covariance, 1);
  if (!precision) return precision;
  return normalized(std::move(*precision), -1);
}

double fisher(double r) { return std::atanh(std::clamp(r, -kClip, kClip)); }

std::vector<Edge> edges_of(std::size_t parcels, bool with_diagonal) {
  std::vector<Edge> edges;
  edges.reserve(parcels * (parcels + 1) / 2);
  for (std::uint32_t a = 0; a < parcels; ++a) {
    for (std::uint32_t b = a + 1; b < parcels; ++b) edges.push_back({a, b});
  }
  for (std::uint32_t a = 0; with_diagonal && a < parcels; ++a) edges.push_back({a, a});
  return edges;
}

std::vector<double> upper_triangle(const Matrix& matrix) {
  std::vector<double> values;
  values.reserve(matrix.rows * (matrix.rows + 1) / 2);
  for (std::size_t i = 0; i < matrix.rows; ++i) {
    for (std::size_t j = i + 1; j < matrix.cols; ++j) values.push_back(matrix(i, j));
  }
  return values;
}

std::vector<double> tangent_vector(const Matrix& matrix) {
  std::vector<double> values = upper_triangle(matrix);
  for (double& value : values) value *= std::numbers::sqrt2;
  for (std::size_t i = 0; i < matrix.rows; ++i) values.push_back(matrix(i, i));
  return values;
}

}  // namespace brainmt::connectivity
