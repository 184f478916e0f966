// Keys that say what is predicted, from which participants, and the rules between them.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "config/config.hpp"
#include "config/keys.hpp"

namespace brainmt::config {
namespace {

void check_split_fractions(const Config& config) {
  const auto fractions = config.get<std::vector<double>>("data.split_fractions");
  const double sum = std::accumulate(fractions.begin(), fractions.end(), 0.0);
  // Three decimals written by hand need not add to 1 exactly.
  if (std::abs(sum - 1.0) > 1e-6)
    throw UsageError(fmt::format("data.split_fractions: expected a sum of 1, found {}", sum));
}

void check_folds(const Config& config) {
  const auto folds = config.get<std::int64_t>("data.folds"), fold = config.get<std::int64_t>("data.fold");
  if (folds == 0 && fold >= 0) throw UsageError(fmt::format("data.fold={}: expected data.folds=K with it", fold));
  if (folds == 0) return;
  if (folds == 1) throw UsageError("data.folds=1: expected at least 2 folds, or 0 for a split by data.split_fractions");
  if (fold < 0 || fold >= folds)
    throw UsageError(fmt::format("data.folds={}: expected data.fold=0 to {}, the fold to test on, found {}", folds,
                                 folds - 1, fold));
  if (config.get<std::vector<double>>("data.split_fractions")[0] <= 0)
    throw UsageError("data.folds: expected a training share above 0 in data.split_fractions");
}

void check_list_of_targets(const char* key, std::size_t length, std::size_t targets) {
  if (length != 0 && length != targets)
    throw UsageError(
        fmt::format("{}: expected one entry for each of the {} targets, or [], found {}", key, targets, length));
}

// One of task.target and task.targets, as the task wants it, and lists of a fitting length. Where nothing is to be
// predicted by these keys (evaluation of a run), none is needed.
void check_targets(const Config& config) {
  const auto task = config.get<std::string>("task"), target = config.get<std::string>("task.target");
  const auto targets = config.get<std::vector<std::string>>("task.targets");
  const auto kinds = config.get<std::vector<std::string>>("task.kinds");
  const bool multitask = task == "multitask";
  if (multitask && !target.empty()) throw UsageError("task=multitask: expected task.targets=[...], found task.target");
  if (!multitask && !targets.empty())
    throw UsageError(
        fmt::format("task={}: expected task.target, found task.targets; task=multitask takes several", task));
  for (std::size_t i = 0; i < targets.size(); ++i)
    if (targets[i].empty() || std::find(targets.begin(), targets.begin() + i, targets[i]) != targets.begin() + i)
      throw UsageError(fmt::format("task.targets: expected different columns, found '{}' {}", targets[i],
                                   targets[i].empty() ? "as a name" : "twice"));
  if (task == "reconstruction") {
    const bool labelled = !target.empty() || !config.get<std::vector<std::string>>("task.confounds").empty() ||
                          config.get<bool>("task.shuffle_labels");
    if (labelled)
      throw UsageError(
          "task=reconstruction predicts hidden parts of the input: expected no task.target, task.confounds or "
          "task.shuffle_labels");
    return;
  }
  const std::size_t count = multitask ? targets.size() : 1;
  check_list_of_targets("task.kinds", kinds.size(), count);
  if (!config.is_word("task.weights"))
    check_list_of_targets("task.weights", config.get<std::vector<double>>("task.weights").size(), count);
  check_list_of_targets("task.positive", config.get<std::vector<std::string>>("task.positive").size(), count);
  if (!multitask && (!kinds.empty() || !config.get<std::vector<double>>("task.weights").empty()))
    throw UsageError(fmt::format("task={}: task.kinds and task.weights are for task=multitask", task));
  for (const std::string& kind : kinds)
    if (kind != "regression" && kind != "classification" && kind != "auto")
      throw UsageError(fmt::format("task.kinds: expected regression, classification or auto, found '{}'", kind));
}

// With run.dir the run's task is used, and given keys are compared with it.
void check_given_targets(const Config& config) {
  if (config.get<std::string>("run.dir").empty()) check_targets(config);
}

}  // namespace

std::vector<std::string> missing_target(const Config& config) {
  if (config.get<std::string>("task") == "reconstruction") return {};
  const bool none =
      config.get<std::string>("task.target").empty() && config.get<std::vector<std::string>>("task.targets").empty();
  if (!none) return {};
  return {config.get<std::string>("task") == "multitask" ? "task.targets" : "task.target"};
}

std::vector<Key> task_keys(bool required) {
  const auto needed = [required](const Key& key) { return required ? key.required() : key; };
  return {
      needed(choice("task", required ? "" : "regression",
                    {"regression", "classification", "multitask", "reconstruction"},
                    "regression: MSE on z-scored targets; classification: two classes, BCE with logits; multitask: "
                    "several targets at once, labels may be missing; reconstruction: hidden parts of the input")),
      text("task.target", "",
           "column of the phenotype table to predict; also a UK Biobank field (31-0.0, p31) or an everyday name (sex)"),
      texts("task.targets", {}, "multitask: the columns to predict; the split is stratified by the first"),
      texts("task.kinds", {},
            "multitask: regression, classification or auto for each target; auto, and []: texts, or numbers of 0 and 1 "
            "only, or a target with task.positive are a classification, other numbers a regression"),
      reals("task.weights", {},
            "multitask: weight of each target's mean loss in the loss; []: 1; auto: learned from each target's "
            "uncertainty (Kendall et al. 2018)")
          .above(0)
          .or_word("auto"),
      texts("task.positive", {},
            "value that is class 1 of a column of two values, for each target, '' for those that need none; []: 0 and "
            "1, or sex in any usual spelling (male is 1)"),
      texts(
          "task.confounds", {},
          "columns whose linear effect, fitted on the training split, is removed from regression targets; mean_fd may "
          "be the scans' own"),
      boolean("task.shuffle_labels", false, "permute the targets over subjects: a control that must end at chance"),
  };
}

std::vector<Key> split_keys() {
  return {
      file_path("data.split_file", "", "split.json to use; empty: the run directory's, made on first use")
          .free_to_change(),
      reals("data.split_fractions", {0.7, 0.15, 0.15},
            "training, validation and test share of the subjects, stratified by target")
          .of_length(3)
          .at_least(0)
          .at_most(1),
      text("data.split_group", "",
           "column of family or site: participants that share its value stay in one part; empty: none"),
      integer("data.folds", 0,
              "k-fold cross-validation: the number of folds; the partition is the same for every data.fold; 0: none")
          .at_least(0),
      integer(
          "data.fold", -1,
          "with data.folds: the fold that is the test split, from 0; the others are dealt to training and validation "
          "in the ratio of data.split_fractions")
          .at_least(-1),
  };
}

std::vector<Rule> task_rules(bool required) { return {required ? check_targets : check_given_targets}; }

std::vector<Rule> split_rules() { return {check_split_fractions, check_folds}; }

}  // namespace brainmt::config
