#pragma once
// Choice of lambda inside the training part, and the fit that follows. Every inner fold fits on the other folds
// (standardisation included) and predicts its own people; errors are pooled over all people, not averaged over folds.
//
//   ridge      standardised edges, squared error        kernel ridge   unit rows (Pearson kernel), squared error
//   logistic   standardised edges, log-loss
//
// The kernel of kernel ridge needs no fit but for missing edges, which count as the mean over the training people, so
// it is made once and the folds take their parts of it.
#include <optional>
#include <string>
#include <vector>

#include "baselines/edges.hpp"
#include "task/split.hpp"

namespace brainmt::baselines {

enum class Method { kRidge, kKernelRidge, kLogistic };

/// For people [n], the fold that predicts each, from 0. Made by the project's split: stratified, groups whole.
struct InnerFolds {
  std::vector<int> fold;
  int count = 0;
};
/// Fewer folds than asked for, with a line in `warnings`, where a fold would have fewer than two groups, or one class
/// only would be left to train on. Throws DataError where not even two folds are possible.
InnerFolds inner_folds(const std::vector<task::Participant>& people, int folds, std::uint64_t seed,
                       task::Stratify stratify, std::vector<std::string>& warnings);

/// 23 values of CBIG without 0, 13 or 11 multiples of `edges` that are used.
std::vector<double> default_lambdas(Method method, std::size_t edges);

struct Choice {
  std::vector<double> lambda;
  linalg::Matrix held_out;                      // [n, lambdas] of each person by the folds without it; NaN: no fit
  std::vector<double> error;                    // pooled; NaN: no fit
  std::vector<std::vector<double>> fold_error;  // [lambdas][folds]
  std::size_t best = 0;                         // the smallest pooled error, the larger lambda of equals
};

/// f(x) = intercept + design(x) weight.
struct LinearFit {
  double intercept = 0;
  std::vector<double> weight;  // by edge
};

class NestedFit {
 public:
  /// `rows` of `x` and `y` [rows]: the training people. `x` outlives it.
  NestedFit(const EdgeMatrix& x, Method method, Rows rows, std::vector<double> y);

  const Design& design() const { return design_; }
  /// Edges that are used: kept, and for a standardised design varying.
  std::size_t used_edges() const;
  /// Throws DataError where no lambda gives a fit.
  Choice choose(const InnerFolds& folds, const std::vector<double>& lambdas);
  /// Of all training people.
  std::optional<LinearFit> fit(double lambda);

 private:
  const linalg::Matrix& kernel();
  linalg::Matrix held_out_of(const Rows& inner, const Rows& held, const std::vector<double>& lambdas);

  const EdgeMatrix& x_;
  Method method_;
  Rows rows_;
  std::vector<double> y_;
  Design design_;
  std::optional<linalg::Matrix> kernel_;  // of all training people
};

/// The outputs of `fit` for these people.
std::vector<double> predict(const Design& design, const LinearFit& fit, const Rows& rows);

/// Of outputs that grow with class 1 and need not be logits: the threshold with the most correct classes, the nearest
/// to 1/2 of equals. `score` and `y` [n], y of 0 and 1.
double best_threshold(const std::vector<double>& score, const std::vector<double>& y);

}  // namespace brainmt::baselines
