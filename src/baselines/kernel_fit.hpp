#pragma once
// Linear models in the space of the n training people, for features that are many more than people: E x E is never made.
// K [n, n] is the Gram matrix D D' of a design (baselines/edges.hpp), b the free intercept, w = D' a.
//
//   ridge      min over w, b   sum_i (y_i - b - d_i w)^2 + lambda |w|^2
//              b = 1' (K + lambda I)^-1 y / 1' (K + lambda I)^-1 1,   a = (K + lambda I)^-1 (y - b)
//   logistic   min over w, b   sum_i log(1 + exp(-s_i f_i)) + lambda/2 |w|^2,   f = b + K a, s_i = -1, 1
//              Newton with step halving; each step is one Cholesky of I + W^1/2 K W^1/2 / lambda, W = p (1 - p)
//              (Rasmussen & Williams 2006, algorithm 3.1, with an intercept)
#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "linalg/matrix.hpp"

namespace brainmt::baselines {

struct KernelFit {
  double intercept = 0;
  std::vector<double> a;  // [n]
};

/// Nothing where K + lambda I is not positive definite to rounding. lambda > 0.
std::optional<KernelFit> fit_ridge(const linalg::Matrix& k, const std::vector<double>& y, double lambda);
/// The same with memory of [n, n] to work in, whatever it holds: many fits then allocate once.
std::optional<KernelFit> fit_ridge(const linalg::Matrix& k, const std::vector<double>& y, double lambda,
                                   linalg::Matrix& factor);

/// `y` of 0 and 1, both present. `start`: the fit of another lambda, from which fewer steps are needed. Nothing where it
/// does not converge.
std::optional<KernelFit> fit_logistic(const linalg::Matrix& k, const std::vector<double>& y, double lambda,
                                      const KernelFit* start = nullptr);

/// log(1 + exp(-s f)) of a logit and a class.
double log_loss(double logit, double y);

/// Rows and columns `members` of a symmetric matrix.
linalg::Matrix part_of(const linalg::Matrix& k, const std::vector<std::size_t>& members);

}  // namespace brainmt::baselines
