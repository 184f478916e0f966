#include "analysis/residualizer.hpp"

#include <fmt/ranges.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "task/least_squares.hpp"

namespace brainmt::analysis {
namespace {

using Matrix = Eigen::MatrixXd;

std::vector<double> residuals_of(const task::LinearFit& fit, const std::vector<std::vector<double>>& coded,
                                 const std::vector<double>& y) {
  std::vector<double> residuals(y.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    residuals[i] = y[i] - fit.mean;
    for (std::size_t j = 0; j < fit.coefficients.size(); ++j)
      residuals[i] -= fit.coefficients[j] * (coded[i][j] - fit.centre[j]);
  }
  return residuals;
}

// Below this share of the largest variance a component is rounding.
constexpr double kNoVariance = 1e-10;

// Principal components of z [training, dimensions]: the eigenvectors of its covariance, largest variance first, each
// with its largest entry positive.
void fit_projector(Residualizer& result, const Matrix& z, std::size_t components) {
  const Matrix covariance = z.transpose() * z / static_cast<double>(z.rows() - 1);
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(covariance);
  if (solver.info() != Eigen::Success) throw DataError("the covariance of the embeddings has no eigenvectors");
  const auto dimensions = static_cast<std::size_t>(z.cols());
  const double largest = solver.eigenvalues()[z.cols() - 1];
  if (components >= dimensions)
    result.warnings.push_back(fmt::format(
        "project={} of embeddings with {} dimensions is a rotation: no dimension is saved", components, dimensions));
  for (std::size_t k = 0; k < std::min(components, dimensions); ++k) {
    const auto column = static_cast<Eigen::Index>(dimensions - 1 - k);
    const double variance = solver.eigenvalues()[column];
    if (!(variance > kNoVariance * largest)) {
      result.warnings.push_back(
          fmt::format("{} training participants give {} components with any variance: project={} needs more of them",
                      z.rows(), k, components));
      break;
    }
    const Eigen::VectorXd direction = solver.eigenvectors().col(column);
    Eigen::Index peak = 0;
    direction.cwiseAbs().maxCoeff(&peak);
    const double sign = direction[peak] < 0 ? -1.0 : 1.0;
    std::vector<double> axis;
    for (const double x : direction) axis.push_back(sign * x);
    result.projector.push_back(std::move(axis));
    result.variances.push_back(variance);
  }
  if (result.projector.empty()) throw DataError("the embeddings do not differ between training participants");
}

}  // namespace

Residualizer fit_residualizer(const std::vector<std::string>& covariates, const std::vector<ResidualizerRow>& training,
                              std::size_t components) {
  Residualizer result;
  if (training.empty()) throw DataError("no training participant has an embedding and all covariates");
  std::vector<task::ConfoundRow> rows;
  for (const ResidualizerRow& row : training) rows.push_back(row.covariates);
  result.coding = task::fit_coding(covariates, rows);
  const std::vector<std::string> terms = result.coding.terms();
  if (training.size() < terms.size() + 2)
    throw DataError(
        fmt::format("covariates: {} training participants are too few for {} terms ({}): expected {} or more",
                    training.size(), terms.size(), fmt::join(terms, ", "), terms.size() + 2));
  std::vector<std::vector<double>> coded;
  for (const task::ConfoundRow& row : rows) coded.push_back(result.coding.coded(row));

  const std::size_t dimensions = training.front().values.size();
  Matrix z(training.size(), dimensions);
  std::size_t constant = 0;
  for (std::size_t d = 0; d < dimensions; ++d) {
    std::vector<double> y;
    for (const ResidualizerRow& row : training) y.push_back(row.values.at(d));
    const task::LinearFit fit = task::fit_linear(coded, y);
    if (d == 0) {
      result.centre = fit.centre;
      for (const std::size_t term : fit.without_effect)
        result.warnings.push_back(fmt::format(
            "{} does not vary among training participants, or follows from the covariates before it: ignored",
            terms[term]));
    }
    const std::vector<double> residuals = residuals_of(fit, coded, y);
    double squares = 0, size = 0;
    for (const double r : residuals) squares += r * r;
    for (const double v : y) size = std::max(size, std::abs(v));
    double deviation = std::sqrt(squares / static_cast<double>(residuals.size() - 1));
    // Rounding alone leaves this much of a dimension that does not vary.
    if (!(deviation > 1e-12 * size)) {
      deviation = std::numeric_limits<double>::infinity();
      ++constant;
    }
    for (std::size_t i = 0; i < residuals.size(); ++i)
      z(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(d)) = residuals[i] / deviation;
    result.coefficients.push_back(fit.coefficients);
    result.mean.push_back(fit.mean);
    result.deviation.push_back(deviation);
  }
  if (constant > 0)
    result.warnings.push_back(
        fmt::format("{} of {} dimensions do not vary among training participants: set to 0", constant, dimensions));
  result.total_variance = static_cast<double>(dimensions - constant);
  if (components > 0) fit_projector(result, z, components);
  return result;
}

std::vector<float> Residualizer::apply(const std::vector<float>& values, const task::ConfoundRow& covariates,
                                       std::size_t* unseen) const {
  BRAINMT_CHECK(values.size() == mean.size(), "{} values for {} dimensions", values.size(), mean.size());
  const std::vector<double> coded = coding.coded(covariates, unseen);
  std::vector<double> z(values.size());
  for (std::size_t d = 0; d < z.size(); ++d) {
    z[d] = values[d] - mean[d];
    for (std::size_t j = 0; j < coded.size(); ++j) z[d] -= coefficients[d][j] * (coded[j] - centre[j]);
    z[d] /= deviation[d];
  }
  if (projector.empty()) return {z.begin(), z.end()};
  std::vector<float> projected;
  for (const std::vector<double>& axis : projector) {
    double sum = 0;
    for (std::size_t d = 0; d < z.size(); ++d) sum += axis[d] * z[d];
    projected.push_back(static_cast<float>(sum));
  }
  return projected;
}

}  // namespace brainmt::analysis
