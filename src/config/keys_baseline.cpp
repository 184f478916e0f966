// Keys of `brainmt baseline`.
#include "config/config.hpp"
#include "config/keys.hpp"

namespace brainmt::config {
namespace {

void check_source(const Config& config) {
  if (!config.get<std::string>("run.dir").empty()) return;
  if (config.get<std::string>("data.cohort").empty() || !missing_target(config).empty())
    throw UsageError(
        "'baseline' needs run.dir=DIR of a run of 'brainmt train', or data.cohort=FILE with task= and task.target=");
  if (config.get<std::string>("out").empty()) throw UsageError("'baseline' without run.dir= needs out=DIR");
}

// People who are fitted are no test of the fit.
void check_validation(const Config& config) {
  if (config.get<bool>("baseline.use_val") && config.get<std::string>("split") == "val")
    throw UsageError(
        "baseline.use_val=true: models are fitted on validation people, whom split=val scores: use split=test, or leave "
        "one of the two out");
}

std::vector<Key> baseline_keys() {
  return {
      file_path("run.dir", "",
                "run of 'brainmt train' whose task, people, labels and split are taken, and given ones must be equal; "
                "results go to its folder baselines/ unless out= is given"),
      file_path("fc", "", "file of 'brainmt fc'; without it only mean and confounds can be fitted"),
      texts("models", {},
            "mean, confounds, ridge, krr (kernel ridge), logistic, xgboost; []: those that fit the task and what is "
            "given, but xgboost"),
      file_path("out", "", "folder for DIR/<model>/ and DIR/baselines.tsv; empty: run.dir/baselines"),
      choice("split", "test", {"train", "val", "test", "all"}, "people to predict and score"),
      integer("baseline.folds", 5, "inner folds of the training part that choose lambda; families stay whole")
          .at_least(2)
          .at_most(100),
      boolean("baseline.use_val", false,
              "fit on training and validation people: no model but xgboost uses validation otherwise"),
      reals("baseline.lambda", {}, "penalties to choose from; []: those of each model (docs/baselines.md)").above(0),
      texts("baseline.confounds", {},
            "columns of the model confounds; []: task.confounds, else those of age, sex, site and mean_fd that there "
            "are"),
      integers("xgboost.depth", {3, 4, 6}, "depths of trees to choose from").at_least(1).at_most(20),
      reals("xgboost.eta", {0.02, 0.05, 0.1}, "learning rates to choose from").above(0).at_most(1),
      reals("xgboost.lambda", {1, 10}, "L2 penalties of leaves to choose from").at_least(0),
      integer("xgboost.rounds", 2000, "most trees").at_least(1).at_most(100000),
      integer("xgboost.patience", 50, "rounds without a lower validation loss before it stops")
          .at_least(1)
          .at_most(100000),
      integer("bootstrap", 1000, "resamples for the confidence intervals; 0: none").at_least(0).at_most(1000000),
      integer("permutations", 1000, "of labels, families as blocks, for p; 0: none").at_least(0).at_most(1000000),
      integer("run.seed", 42, "seed of inner folds, trees, bootstrap, permutations, and of a split that is made here")
          .at_least(0),
      integer("model.num_frames", 1, "frames that a scan needs at least, as in training; the run's with run.dir")
          .at_least(1),
      file_path("data.cohort", "", "cohort file made by 'brainmt prepare'; the run's with run.dir"),
  };
}

}  // namespace

const Schema& baseline_schema() {
  static const Schema schema(
      "baseline", join<Key>({baseline_keys(), split_keys(), task_keys(/*required=*/false)}), {},
      join<Rule>({split_rules(), task_rules(/*required=*/false), {check_source, check_validation}}),
      {.examples = {"brainmt baseline run.dir=runs/sex fc=fc.h5 'models=[mean,confounds,logistic,krr]'",
                    "brainmt baseline fc=fc.h5 data.cohort=cohort.h5 task=regression task.target=age "
                    "data.split_file=split.json out=age_fc"},
       .first_keys = {"run.dir", "fc", "models", "out", "data.cohort", "task.target"}});
  return schema;
}

}  // namespace brainmt::config
