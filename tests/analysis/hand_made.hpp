#pragma once
// Evaluations whose metrics can be worked out by hand.
#include <limits>

#include "analysis/evaluate.hpp"

namespace brainmt::test {

/// Two of each class; one of the four pairs (positive, negative) is in the wrong order: AUROC 3/4.
inline analysis::Evaluation four_of_two_classes() {
  return {.task = {.targets = {{.target = {.name = "sex", .task = task::Task::kClassification}}}},
          .part = "test",
          .predictions = {{"a", "test", 2, 0, 0, -1.5},
                          {"b", "test", 2, 1, 0, -0.5},
                          {"c", "test", 3, 0, 1, 0.25},
                          {"d", "test", 1, 1, 1, 2.0}}};
}

/// Every prediction is 2 above the truth: mse 4, mae 2, r 1.
inline analysis::Evaluation four_shifted_values() {
  return {.task = {.targets = {{.target = {.name = "age", .task = task::Task::kRegression}, .scaling = {50, 10}}}},
          .part = "all",
          .predictions = {{"a", "train", 1, 40, 42, -0.8},
                          {"b", "val", 1, 50, 52, 0.2},
                          {"c", "test", 1, 60, 62, 1.2},
                          {"d", "none", 1, 70, 72, 2.2}}};
}

/// The classes of the first and, but for participant b who has none, the ages of the second, of the same participants.
inline analysis::Evaluation two_targets() {
  analysis::Evaluation both = four_of_two_classes();
  both.task.is_multitask = true;
  both.task.targets.push_back(four_shifted_values().task.targets.front());
  for (analysis::Prediction p : four_shifted_values().predictions) {
    p.target = 1;
    p.part = "test";
    if (p.participant_id == "b") p.truth = std::numeric_limits<double>::quiet_NaN();
    both.predictions.push_back(p);
  }
  return both;
}

}  // namespace brainmt::test
