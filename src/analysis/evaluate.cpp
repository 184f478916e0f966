#include "analysis/evaluate.hpp"

#include <algorithm>
#include <utility>

#include "analysis/load_model.hpp"
#include "base/log.hpp"
#include "comm/agreement.hpp"

namespace brainmt::analysis {
namespace {

train::TaskDescription task_of(const EvaluateSettings& settings, const io::SafetensorsFile& file) {
  const auto found = file.metadata().find(train::kTaskKey);
  if (found != file.metadata().end())
    if (auto described = train::described_task(found->second)) return *described;
  if (!settings.task)
    throw DataError(
        fmt::format("{}: no '{}' in its metadata: give task= and task.target=", file.path().string(), train::kTaskKey));
  return *settings.task;
}

// The split, or none where all subjects are asked for and none fits: then it would only name the parts.
std::optional<train::Split> split_of(const EvaluateSettings& settings, const train::Dataset& data) {
  if (settings.part) return train::choose_split(data, settings.split);
  if (settings.split.file.empty() && settings.split.run_dir.empty()) return std::nullopt;
  try {
    return train::choose_split(data, settings.split);
  } catch (const DataError& error) {
    log::warn("predicting all subjects without parts: {}", error.what());
    return std::nullopt;
  }
}

std::string part_of(const std::optional<train::Split>& split, const std::string& id) {
  if (split)
    for (const train::Part part : train::kParts)
      if (std::ranges::binary_search(split->of(part), id)) return std::string(train::name_of(part));
  return "none";
}

struct Prepared {
  train::TaskDescription task;
  train::Dataset data;
  std::optional<train::Split> split;
  std::unique_ptr<models::BrainMT> model;
};

Prepared prepare(const EvaluateSettings& settings, const io::Cohort& cohort) {
  const auto file = io::SafetensorsFile::open(settings.weights);
  train::TaskDescription task = task_of(settings, file);
  auto model = load_model(file, settings.model, cohort, settings.activation);
  train::Dataset data(cohort, task.task, task.target, model->config().frames);
  auto split = split_of(settings, data);
  return {std::move(task), std::move(data), std::move(split), std::move(model)};
}

}  // namespace

Evaluation evaluate(const EvaluateSettings& settings, const io::Cohort& cohort, comm::Communicator& comm) {
  std::optional<Prepared> prepared;
  comm::run_agreed(comm, [&] { prepared.emplace(prepare(settings, cohort)); });
  const train::Dataset& data = prepared->data;
  Evaluation result{
      .task = prepared->task, .part = settings.part ? std::string(name_of(*settings.part)) : "all", .predictions = {}};

  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < data.subjects().size(); ++i)
    if (!settings.part || part_of(prepared->split, data.subjects()[i].id) == result.part) chosen.push_back(i);
  if (chosen.empty())
    throw DataError(fmt::format("{}: the part {} has no subject", cohort.path().string(), result.part));

  const bool classes = result.task.task == train::Task::kClassification;
  for (const auto& [index, windows, output] : train::predict(*prepared->model, data, chosen, settings.predict, comm)) {
    const train::Subject& subject = data.subjects()[index];
    const double predicted = classes ? (output >= 0.0 ? 1.0 : 0.0) : result.task.scaling.original(output);
    result.predictions.push_back(
        {subject.id, part_of(prepared->split, subject.id), windows, subject.label, predicted, output});
  }
  return result;
}

}  // namespace brainmt::analysis
