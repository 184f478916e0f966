#pragma once
// Paired comparison of models over the same participants. A model's results are its predictions in several repeats
// (seeds; the folds of one seed are one repeat, as together they predict every participant once). A metric is the mean
// over repeats.
//
// Interval: percentiles of a bootstrap over blocks (families; a participant without one is a block of its own). A drawn
// block contributes all predictions of its members, of every repeat and of both models: differences are paired, and
// neither repeats nor relatives count as more participants.
//
// p, two-sided: permutation. Models of equal quality may swap their predictions, block by block, in all repeats at
// once: 2^blocks differences. All of them where they are at most `permutations`, else that many at random, with
//   p = (1 + #{|null| >= |observed| - 1e-9 (1 + |observed|)}) / (permutations + 1);
// the observed one is counted once. What is swapped stands on one scale (Statistic::exchangeable).
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "analysis/statistic.hpp"
#include "task/labels.hpp"

namespace brainmt::analysis {

struct Scored {
  double truth = 0;
  double score = 0;  // the prediction, or the logit of class 1
};
/// By participant. Ordered, so that equal predictions give equal bits.
using Repeat = std::map<std::string, Scored>;
/// By seed.
using Repeats = std::map<std::int64_t, Repeat>;
/// The block of a participant: who is drawn and swapped together. Those without an entry are alone.
using Blocks = std::map<std::string, std::string>;

/// One metric of some predictions; NaN where it is not defined. Throws UsageError for another name.
double metric_value(const std::string& metric, task::Task task, const std::vector<Scored>& predictions);

struct Resampling {
  std::uint64_t seed = 42;
  int resamples = 2000;     // of the bootstrap
  int permutations = 2000;  // at most
  Blocks blocks{};
};

inline constexpr double kUndefinedEstimate = std::numeric_limits<double>::quiet_NaN();

struct Estimate {
  double value = kUndefinedEstimate, low = kUndefinedEstimate, high = kUndefinedEstimate;  // 95 %; NaN: not defined
  std::size_t participants = 0;
  std::size_t blocks = 0;
};

/// The mean of the metric over the repeats.
Estimate estimate(const Repeats& model, const std::string& metric, task::Task task, const Resampling& resampling);

struct Comparison {
  Estimate difference{};                                              // of a minus b
  double value_a = kUndefinedEstimate, value_b = kUndefinedEstimate;  // over the same people and repeats
  double p = kUndefinedEstimate;
  bool is_exact = false;                 // p is of all permutations
  double p_delong = kUndefinedEstimate;  // of an AUROC, where all repeats have the same people
  std::size_t repeats = 0;               // that both have
};

/// Over the participants that both have in a repeat, and the repeats that both have; all NaN where there are none.
Comparison compare(const Repeats& a, const Repeats& b, const std::string& metric, task::Task task,
                   const Resampling& resampling);

/// Holm's adjusted p-values of a family of tests; NaN stays NaN and is no test.
std::vector<double> holm(std::span<const double> p);

}  // namespace brainmt::analysis
