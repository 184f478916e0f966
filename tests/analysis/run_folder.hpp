#pragma once
// Run directories as `brainmt train`, `evaluate` and `baseline` leave them, with made-up predictions.
#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/philox.hpp"
#include "support/temporary_directory.hpp"
#include "task/split.hpp"

namespace brainmt::test {

inline std::vector<std::string> people(int first, int end) {
  std::vector<std::string> ids;
  for (int i = first; i < end; ++i) ids.push_back(fmt::format("sub-{:03}", i));
  return ids;
}

/// 20 to train on, 5 to validate, 30 to test.
inline task::Split usual_split() {
  return {.plan = {.seed = 42}, .ids = {people(0, 20), people(20, 25), people(25, 55)}};
}

/// Label of a participant: a class of "sex", or a value of "age".
inline double label_of(const std::string& id, const std::string& target) {
  Philox random(1, target == "sex" ? 1 : 2, std::stoul(id.substr(4)));
  return target == "sex" ? (random.uniform() < 0.5 ? 1.0 : 0.0) : 50 + 10 * random.normal();
}

/// The label plus this much noise, as a logit or a value.
inline double score_of(const std::string& id, const std::string& target, double noise, std::uint64_t seed) {
  Philox random(seed, target == "sex" ? 3 : 4, std::stoul(id.substr(4)));
  const double error = noise * random.normal();
  return target == "sex" ? 2 * label_of(id, target) - 1 + error : label_of(id, target) + 10 * error;
}

struct RunFolder {
  std::vector<std::string> targets{"sex"};
  double noise = 1;
  std::uint64_t seed = 42;  // of the noise and run.seed
  task::Split split = usual_split();
  std::string cohort{};
};

/// Writes config.yaml, split.json, metrics.json and predictions.tsv of the test part.
inline std::filesystem::path make_run(const std::filesystem::path& run, const RunFolder& what) {
  std::filesystem::create_directories(run);
  write_file(run / "config.yaml", fmt::format("run:\n  seed: {}\ndata:\n  cohort: {}\ntask: {}\n", what.seed,
                                              what.cohort.empty() ? "gone.h5" : what.cohort,
                                              what.targets.front() == "sex" ? "classification" : "regression"));
  task::save_split(what.split, run / "split.json");
  const bool multitask = what.targets.size() > 1;
  nlohmann::ordered_json metrics{{"task", "multitask"}, {"split", "test"}};
  std::string table =
      fmt::format("participant_id\tsplit\tn_windows\ty_true\ty_pred\tlogit\tprob{}\n", multitask ? "\ttarget" : "");
  for (const std::string& target : what.targets) {
    const bool classes = target == "sex";
    const nlohmann::ordered_json entry{{"task", classes ? "classification" : "regression"}, {"n_subjects", 30}};
    if (multitask) {
      metrics["targets"][target] = entry;
    } else {
      metrics = entry;
      metrics["target"] = target;
      metrics["split"] = "test";
    }
    for (const std::string& id : what.split.of(task::Part::kTest)) {
      const double score = score_of(id, target, what.noise, what.seed);
      table +=
          fmt::format("{}\ttest\t1\t{}\t{}\t{}\t{}{}\n", id, label_of(id, target),
                      classes ? (score >= 0 ? 1.0 : 0.0) : score, classes ? fmt::format("{}", score) : "n/a",
                      classes ? fmt::format("{}", 1 / (1 + std::exp(-score))) : "n/a", multitask ? "\t" + target : "");
    }
  }
  write_file(run / "metrics.json", metrics.dump());
  write_file(run / "predictions.tsv", table);
  return run;
}

}  // namespace brainmt::test
