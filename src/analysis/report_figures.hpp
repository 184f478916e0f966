#pragma once
// Figures of a report.
#include <span>
#include <string>
#include <vector>

#include "analysis/html.hpp"
#include "analysis/report_data.hpp"

namespace brainmt::analysis {

/// A curve over steps, of one run.
struct NamedCurve {
  std::string name;
  std::vector<CurvePoint> points;
  std::size_t colour = 0;
};

/// Curves over steps in one frame, at most 120 points each (means of neighbours); with a legend when there are
/// several. Without any finite point an empty figure.
Figure curve_figure(const std::string& title, const std::string& y_label, const std::vector<NamedCurve>& curves,
                    const std::string& note = {});

/// Results of one target by several runs, overlaid in one axis with a legend; of one run its interval is below.
struct NamedResult {
  std::string name;
  const TargetResult* result = nullptr;
};
Figure roc_figure(std::span<const NamedResult> results);
Figure confusion_figure(const TargetResult& result);
/// Predicted probabilities by true class.
Figure score_figure(const TargetResult& result);
/// How often class 1 is true where some probability was given, in `bins` equal intervals with Wilson intervals.
Figure calibration_figure(const TargetResult& result, int bins);
Figure scatter_figure(std::span<const NamedResult> results);
Figure residual_figure(const TargetResult& result);

struct CalibrationBin {
  double low = 0, high = 0;  // probabilities [low, high), the last with its end
  std::size_t count = 0;
  double predicted = 0, observed = 0;          // means
  double interval_low = 0, interval_high = 1;  // Wilson 95 % of observed
};
/// The bins with any prediction in them.
std::vector<CalibrationBin> calibration(std::span<const ScoredPrediction> predictions, int bins);
/// Mean distance of predicted and observed over bins, weighted by their counts.
double expected_calibration_error(std::span<const CalibrationBin> bins);
/// Mean squared distance of probability and class.
double brier_score(std::span<const ScoredPrediction> predictions);

}  // namespace brainmt::analysis
