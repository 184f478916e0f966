#include "analysis/evaluate.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "comm/agreement.hpp"
#include "run/load_model.hpp"
#include "task/session_values.hpp"

namespace brainmt::analysis {
namespace {

// The targets described in the file, else those of the settings.
task::TaskDescription task_of(const EvaluateSettings& settings, const io::SafetensorsFile& file,
                              const io::Cohort& cohort) {
  const auto found = file.metadata().find(task::kTaskKey);
  if (found != file.metadata().end())
    if (auto described = task::described_task(found->second)) {
      if (described->is_reconstruction)
        throw UsageError(
            fmt::format("{}: the model was pretrained on task=reconstruction and predicts no target: its R2 is in "
                        "metrics.csv of its run; fine-tune it with 'train init.weights=', or use 'embed'",
                        file.path().string()));
      return *std::move(described);
    }
  if (!settings.task)
    throw DataError(
        fmt::format("{}: no '{}' in its metadata: give task= and task.target=", file.path().string(), task::kTaskKey));
  if (!settings.task->confounds.empty())
    throw UsageError("task.confounds: their coefficients are fitted in training and come with the weights' metadata");
  task::TaskDescription task{.is_multitask = settings.task->is_multitask, .targets = {}};
  for (const task::Target& target : task::targets_of(cohort, *settings.task)) task.targets.push_back({target});
  return task;
}

// With one output for each target.
std::unique_ptr<models::Model> model_of(const EvaluateSettings& settings, const io::SafetensorsFile& file,
                                        const io::Cohort& cohort, std::size_t targets) {
  auto model = run::load_model(file, settings.model, targets, cohort, settings.activation);
  if (model->outputs() != static_cast<std::int64_t>(targets))
    throw DataError(fmt::format("{}: the model has {} outputs, expected one for each of {} targets",
                                file.path().string(), model->outputs(), targets));
  return model;
}

// The split, or none where all subjects are asked for and none fits: then it would only name the parts.
std::optional<task::Split> split_of(const EvaluateSettings& settings, const task::Dataset& data) {
  if (settings.part) return task::choose_split(data, settings.split);
  if (settings.split.file.empty() && settings.split.run_dir.empty()) return std::nullopt;
  try {
    return task::choose_split(data, settings.split);
  } catch (const DataError& error) {
    log::warn("predicting all subjects without parts: {}", error.what());
    return std::nullopt;
  }
}

std::string part_of(const std::optional<task::Split>& split, const std::string& id) {
  if (split)
    for (const task::Part part : task::kParts)
      if (std::ranges::binary_search(split->of(part), id)) return std::string(task::name_of(part));
  return "none";
}

struct Prepared {
  task::TaskDescription task;
  task::Dataset data;
  std::optional<task::Split> split;
  std::unique_ptr<models::Model> model;
  run::DataCheck check;
  std::size_t unseen_levels = 0;
};

Prepared prepare(const EvaluateSettings& settings, const io::Cohort& cohort) {
  const auto file = io::SafetensorsFile::open(settings.weights);
  task::TaskDescription task = task_of(settings, file, cohort);
  auto model = model_of(settings, file, cohort, task.targets.size());
  run::DataCheck check = run::check_data(file, cohort, settings.allow_mismatch);
  std::vector<task::Target> targets;
  std::vector<task::Adjustment> adjustments;
  for (const task::TargetDescription& d : task.targets) {
    targets.push_back(d.target);
    adjustments.push_back(d.adjustment);
  }
  task::Dataset data(cohort, std::move(targets), model->input().frames,
                     {.confounds = task.confounds.names(), .group = settings.split.plan.group});
  auto split = split_of(settings, data);
  const std::size_t unseen = task.confounds.empty() ? 0 : data.adjust_labels(task.confounds, adjustments);
  return {std::move(task), std::move(data), std::move(split), std::move(model), std::move(check), unseen};
}

void log_remarks(const Prepared& prepared) {
  prepared.check.log();
  const task::Dataset& data = prepared.data;
  const std::size_t left_out = data.without_label() + data.without_confounds() + data.too_short();
  if (left_out > 0)
    log::info("left out: {} without {}, {} without a confound, {} without a long enough scan", data.without_label(),
              task::names_of(data.targets()), data.without_confounds(), data.too_short());
  for (const std::string& warning : task::session_warnings(data)) log::warn("{}", warning);
  if (prepared.unseen_levels > 0) log::warn("{}", task::unseen_levels(prepared.unseen_levels));
}

}  // namespace

Evaluation evaluate(const EvaluateSettings& settings, const io::Cohort& cohort, comm::Communicator& comm) {
  std::optional<Prepared> prepared;
  comm::run_agreed(comm, [&] { prepared.emplace(prepare(settings, cohort)); });
  const task::Dataset& data = prepared->data;
  Evaluation result{.task = prepared->task,
                    .part = settings.part ? std::string(name_of(*settings.part)) : "all",
                    .predictions = {},
                    .mismatches = prepared->check.mismatches,
                    .differences = prepared->check.warnings};

  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < data.subjects().size(); ++i)
    if (!settings.part || part_of(prepared->split, data.subjects()[i].id) == result.part) chosen.push_back(i);
  if (chosen.empty())
    throw DataError(fmt::format("{}: the part {} has no subject", cohort.path().string(), result.part));

  if (comm.rank() == 0) log_remarks(*prepared);
  for (const auto& [index, windows, outputs] : train::predict(*prepared->model, data, chosen, settings.predict, comm)) {
    const task::Subject& subject = data.subjects()[index];
    const std::string part = part_of(prepared->split, subject.id);
    for (std::size_t k = 0; k < outputs.size(); ++k) {
      const auto& [target, scaling, adjustment] = result.task.targets[k];
      const bool classes = target.task == task::Task::kClassification;
      const double predicted = classes ? (outputs[k] >= 0.0 ? 1.0 : 0.0) : scaling.original(outputs[k]);
      result.predictions.push_back({subject.id, part, windows, subject.labels[k], predicted, outputs[k], k});
    }
  }
  return result;
}

}  // namespace brainmt::analysis
