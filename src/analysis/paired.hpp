#pragma once
// Paired comparison of models by a bootstrap over participants. A model's results are its predictions in several
// repeats (seeds; the folds of one seed are one repeat, as together they predict every participant once). A metric is
// the mean over repeats. A resampled participant contributes all its predictions, of every repeat and of both models:
// differences are paired, and repeats do not count as more participants.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "task/labels.hpp"
#include "task/metrics.hpp"

namespace brainmt::analysis {

struct Scored {
  double truth = 0;
  double score = 0;  // the prediction, or the logit of class 1
};
/// By participant. Ordered, so that equal predictions give equal bits.
using Repeat = std::map<std::string, Scored>;
/// By seed.
using Repeats = std::map<std::int64_t, Repeat>;

/// auroc accuracy balanced_accuracy f1, or pearson_r r2 mae mse.
const std::vector<std::string>& metric_names(task::Task task);
/// Is a larger value of the metric better?
bool larger_is_better(const std::string& metric);
/// One metric of some predictions; NaN where it is not defined. Throws UsageError for another name.
double metric_value(const std::string& metric, task::Task task, const std::vector<Scored>& predictions);

struct Estimate {
  double value = 0, low = 0, high = 0;  // 95 % percentile interval; NaN where not defined
  std::size_t participants = 0;
};

/// The mean of the metric over the repeats.
Estimate estimate(const Repeats& model, const std::string& metric, task::Task task,
                  const task::BootstrapSettings& bootstrap);

struct Comparison {
  Estimate difference;      // of a minus b
  double p = 0;             // two-sided: twice the smaller tail of the resampled differences, (count + 1) / (n + 1)
  std::size_t repeats = 0;  // that both have
};

/// Over the participants that both have in a repeat, and the repeats that both have; all NaN where there are none.
Comparison compare(const Repeats& a, const Repeats& b, const std::string& metric, task::Task task,
                   const task::BootstrapSettings& bootstrap);

}  // namespace brainmt::analysis
