#include "connectivity/tangent.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "comm/agreement.hpp"
#include "connectivity/exact_sum.hpp"
#include "linalg/eigen.hpp"
#include "linalg/parallel.hpp"
#include "linalg/products.hpp"

namespace brainmt::connectivity {

using linalg::Matrix;

namespace {

// What is lost in one pair of rounded products shows as asymmetry; eigendecompose() reads one triangle.
Matrix sandwich(const Matrix& outer, const Matrix& inner) { return matmul(matmul(outer, inner, 1), outer, 1); }

linalg::Eigenpairs decompose(Matrix matrix, const char* what) {
  linalg::Eigenpairs eigen = linalg::eigendecompose(std::move(matrix), what);
  if (!eigen.values.empty() && !(eigen.values.front() > 0))
    throw DataError(
        fmt::format("{} is not positive definite (smallest eigenvalue {:.3g}): raise fc.shrinkage, or leave it "
                    "to Ledoit and Wolf",
                    what, eigen.values.front()));
  return eigen;
}

double norm_of(const Matrix& matrix) {
  return std::sqrt(std::inner_product(matrix.values.begin(), matrix.values.end(), matrix.values.begin(), 0.0));
}

// Collective: mean over i of term(i).
Matrix mean_over(std::size_t count, std::size_t parcels, const std::function<Matrix(std::size_t)>& term,
                 comm::Communicator& comm, int threads) {
  ExactSum sum(parcels * parcels);
  const auto rank = static_cast<std::size_t>(comm.rank()), ranks = static_cast<std::size_t>(comm.size());
  comm::run_agreed(comm, [&] {
    const std::size_t mine = count > rank ? (count - rank - 1) / ranks + 1 : 0;
    linalg::parallel_for(mine, threads, [&](std::size_t i) { sum.add(term(rank + i * ranks).values); });
  });
  const std::vector<double> sums = sum.take(comm);
  Matrix mean(parcels, parcels);
  for (std::size_t i = 0; i < parcels; ++i) {
    for (std::size_t j = 0; j <= i; ++j)
      mean(i, j) = mean(j, i) = (sums[i * parcels + j] + sums[j * parcels + i]) / (2 * static_cast<double>(count));
  }
  return mean;
}

}  // namespace

TangentSpace::TangentSpace(Matrix reference) : reference_(std::move(reference)) {
  const linalg::Eigenpairs eigen = decompose(reference_, "the mean of the training people's covariances");
  root_ = apply(eigen, [](double value) { return std::sqrt(value); });
  whitening_ = apply(eigen, [](double value) { return 1 / std::sqrt(value); });
}

Matrix TangentSpace::log_map(const Matrix& covariance) const {
  return apply(decompose(sandwich(whitening_, covariance), "the covariance"),
               [](double value) { return std::log(value); });
}

Matrix TangentSpace::exp_map(const Matrix& tangent) const {
  const linalg::Eigenpairs eigen = linalg::eigendecompose(tangent, "a step of the mean");
  return sandwich(root_, apply(eigen, [](double value) { return std::exp(value); }));
}

TangentMean affine_invariant_mean(std::size_t count, std::size_t parcels,
                                  const std::function<Matrix(std::size_t)>& covariance, comm::Communicator& comm,
                                  int threads) {
  constexpr double kDone = 1e-10, kStandsStill = 1e-8;
  constexpr int kMaxSteps = 100;
  BRAINMT_CHECK(count > 0, "no covariances");
  TangentMean mean{mean_over(count, parcels, covariance, comm, threads)};
  double step = 1, former = std::numeric_limits<double>::infinity();
  for (; mean.steps <= kMaxSteps; ++mean.steps) {
    const TangentSpace space(mean.matrix);
    Matrix gradient = mean_over(
        count, parcels, [&](std::size_t i) { return space.log_map(covariance(i)); }, comm, threads);
    mean.norm = norm_of(gradient);
    const bool improved = mean.norm < former;
    if (mean.norm <= kDone || (mean.norm <= kStandsStill && !improved)) return mean;
    if (!improved) step /= 2;
    former = mean.norm;
    for (double& value : gradient.values) value *= step;
    Matrix next = space.exp_map(gradient);
    for (std::size_t i = 0; i < parcels; ++i) {
      for (std::size_t j = 0; j < i; ++j) next(i, j) = next(j, i) = (next(i, j) + next(j, i)) / 2;
    }
    mean.matrix = std::move(next);
  }
  throw DataError(
      fmt::format("the mean of {} covariances did not converge in {} steps (|M| = {:.3g}): raise fc.shrinkage", count,
                  kMaxSteps, mean.norm));
}

}  // namespace brainmt::connectivity
