#pragma once
// Figures of models side by side.
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "analysis/html.hpp"
#include "analysis/paired.hpp"
#include "analysis/prediction_source.hpp"

namespace brainmt::analysis {

/// The first characters of a name, with an ellipsis where there are more.
std::string short_name(const std::string& name, std::size_t characters = 30);

struct ForestRow {
  std::string name;
  Estimate estimate;
  std::size_t colour = 0;
};

/// A row a model on one axis: its name, and below it the interval with the value as a dot; the numbers stand right of the axis. `reference`: a
/// dashed line through all rows. Names are short ones.
Figure forest_figure(const std::string& title, const std::string& x_label, const std::vector<ForestRow>& rows,
                     std::optional<double> reference, const std::string& note);

/// Two models' predictions of one participant, means over repeats: values, or logits of class 1.
struct BothPredictions {
  double truth = 0, a = 0, b = 0;
};
/// Of the participants that both have, repeat by repeat under equal keys.
std::vector<BothPredictions> both_predictions(const Repeats& a, const Repeats& b);

/// One against the other; of a classification as probabilities, in two colours by true class.
Figure agreement_figure(const std::vector<BothPredictions>& people, const std::string& a, const std::string& b,
                        const TargetKind& target, const std::array<std::string, 2>& classes);

struct Agreement {
  double mean = 0, sd = 0;  // of a minus b; limits of agreement are mean -+ 1.96 sd
};
Agreement agreement_of(const std::vector<BothPredictions>& people);
/// Bland and Altman: difference over mean of two regressions, with the limits of agreement.
Figure bland_altman_figure(const std::vector<BothPredictions>& people, const std::string& a, const std::string& b);

/// Of two classifications: both right, one of them, neither.
Table agreement_table(const std::vector<BothPredictions>& people, const std::string& a, const std::string& b);

}  // namespace brainmt::analysis
