#include "analysis/evaluate_run.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "analysis/evaluate.hpp"
#include "analysis/plots.hpp"
#include "analysis/result_files.hpp"
#include "comm/agreement.hpp"
#include "config/keys.hpp"
#include "io/atomic_file.hpp"
#include "models/registry.hpp"
#include "run/checkpoint.hpp"
#include "run/given_keys.hpp"
#include "run/outputs.hpp"
#include "run/run_keys.hpp"
#include "train/shared_algorithms.hpp"

namespace brainmt::analysis {
namespace {

namespace fs = std::filesystem;

EvaluateSettings settings_of(const config::Config& config, comm::Communicator& comm, const config::Config& keys,
                             const fs::path& run_dir) {
  const auto seed = static_cast<std::uint64_t>(keys.get<std::int64_t>("run.seed"));
  EvaluateSettings s;
  s.part = task::part_named(config.get<std::string>("split"));
  s.model = models::plan_of(config);
  s.allow_mismatch = config.get<bool>("data.allow_mismatch");
  s.activation = models::precision_from_config(keys);
  s.predict = train::PredictSettings::from_config(keys);
  s.bootstrap = {.seed = seed, .resamples = config.get<int>("bootstrap")};
  s.split = {
      .file = config.get<std::string>("data.split_file"), .run_dir = {}, .plan = task::SplitPlan::from_config(keys)};
  if (!run_dir.empty()) {
    s.weights = run::model_file_of(comm, run_dir, config.get<std::string>("checkpoint"));
    if (s.split.file.empty()) s.split.file = run_dir / "split.json";
    s.split.plan.group.clear();  // needed to make a split, not to use one; another cohort may lack the column
  } else {
    s.weights = config.get<std::string>("weights");
    const task::TaskSettings task = task::TaskSettings::from_config(config);
    if (!task.targets.empty() && !task.targets.front().name.empty()) s.task = task;
  }
  return s;
}

// Plots are named after targets, which stand in the weights: every plot of this split's names is looked at.
run::Outputs outputs_of(const fs::path& out, const std::string& split) {
  run::Outputs outputs{.folders = {{"out", out, {}}}};
  const auto add = [&](const fs::path& path, run::OutputKind kind) {
    outputs.files.push_back({"out", path, std::move(kind)});
  };
  add(out / result_file("predictions.tsv", split),
      run::text_kind("predictions of 'brainmt evaluate'", "participant_id\tsplit\tn_windows\ty_true\ty_pred\t"));
  add(out / result_file("metrics.json", split), run::json_kind("metrics of 'brainmt evaluate'", {"task", "split"}));
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(out, missing)) {
    const std::string name = entry.path().filename().string();
    if (is_plot_file(name, split)) add(entry.path(), run::plot_kind());
  }
  return outputs;
}

void write_results(const fs::path& out, const Evaluation& evaluation, const task::BootstrapSettings& bootstrap) {
  std::error_code error;
  fs::create_directories(out, error);
  if (error) throw OutputError(fmt::format("out={}: cannot be made: {}", out.string(), error.message()));
  const auto metrics = metrics_of(evaluation, bootstrap);
  const auto file = [&](const std::string& name) { return out / result_file(name, evaluation.part); };
  io::write_atomically(file("predictions.tsv"), predictions_table(evaluation));
  io::write_atomically(file("metrics.json"), metrics.dump(2) + "\n");
  for (const Plot& plot : plots_of(evaluation, metrics)) io::write_atomically(file(plot.file_name), plot.svg);
  fmt::print("{}{:<18}{}\n", metrics_table(metrics), "written", file("predictions.tsv").string());
}

}  // namespace

void evaluate_run(const config::Config& config, comm::Communicator& comm, MPI_Comm mpi) {
  const fs::path run_dir = config.get<std::string>("run.dir");
  fs::path out = config.get<std::string>("out");
  if (out.empty()) out = run_dir;
  if (out.empty()) throw UsageError("'evaluate' with weights= needs out=DIR for predictions.tsv and metrics.json");

  const std::optional<config::Config> trained_with = run::config_of_run(run_dir);
  const config::Config keys = run::keys_with_run(config, trained_with);
  const EvaluateSettings settings = settings_of(config, comm, keys, run_dir);
  run::check_outputs(outputs_of(out, config.get<std::string>("split")), comm);
  std::optional<io::Cohort> cohort;
  comm::run_agreed(comm, [&] {
    cohort.emplace(keys.get<std::string>("data.cohort"), io::ReadSettings::from_config(keys, mpi));
    run::check_given(config, trained_with, settings.weights, *cohort);
    if (comm.rank() == 0 && config.get<bool>("data.verify")) cohort->verify();
  });
  train::follow_algorithms(comm, run_dir, dnn::algorithms());
  const Evaluation evaluation = evaluate(settings, *cohort, comm);
  comm::run_agreed(comm, [&] {
    if (comm.rank() == 0) write_results(out, evaluation, settings.bootstrap);
  });
}

}  // namespace brainmt::analysis
