#pragma once
// The pictures of an evaluation: roc.svg of a classification, scatter.svg of a regression; of a multitask run one for
// each target, as roc-sex.svg.
#include <array>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "analysis/evaluate.hpp"

namespace brainmt::analysis {

/// (false positive rate, true positive rate) from (0, 0) to (1, 1) as the threshold falls over the scores; equal scores
/// are one step, so that the area by trapezoids is the AUROC with ties counted one half. `truth` [n] of 0 and 1,
/// `score` [n]. Empty where the curve is not defined: one class only, or a score that is not a number.
std::vector<std::array<double, 2>> roc_curve(std::span<const double> truth, std::span<const double> score);

struct Plot {
  std::string file_name;
  std::string svg;
};

/// `metrics` is the object of metrics_of(); its AUROC or correlation, with the interval, stands in the picture. One
/// plot for each target, under different names.
std::vector<Plot> plots_of(const Evaluation& evaluation, const nlohmann::ordered_json& metrics);

}  // namespace brainmt::analysis
