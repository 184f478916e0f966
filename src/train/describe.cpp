// Dry run: sizes of a training run and a rough estimate of its memory.
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/duration.hpp"
#include "task/describe_data.hpp"
#include "task/sampler.hpp"
#include "task/window_stream.hpp"
#include "train/trainer.hpp"

namespace brainmt::train {
namespace {

constexpr double kMebibyte = 1 << 20;
constexpr double kSpeed = 20e9;  // operations a second that a rank sustains; as `sweep plan speed=` by default

// Weights, gradients, two moments, and the bf16 copy where there is one.
double parameter_bytes(const models::Model& model) {
  const auto count = static_cast<double>(model.parameters().flat_count());
  const bool has_copy = model.parameters().activation_dtype() != model.parameters().master_dtype();
  return count * (4 * sizeof(float) + (has_copy ? 2 : 0));
}

// One line for each target, as far as there is something to say about it.
std::string describe_targets(const task::TrainingData& training) {
  std::string text;
  for (std::size_t k = 0; k < training.outputs(); ++k) {
    const task::Target& target = training.task.targets[k].target;
    text += fmt::format("target       {}: {}, {} subjects have it{}\n", target.name, name_of(target.task),
                        training.data.subjects().size() - training.data.missing(k),
                        training.task.is_multitask ? fmt::format(", weight {}", target.weight) : "");
  }
  if (!training.task.confounds.empty())
    text += fmt::format("confounds    {}\n", fmt::join(training.task.confounds.terms(), ", "));
  const task::SplitPlan& plan = training.split.plan;
  if (plan.folds > 0) text += fmt::format("fold         {} of 0 to {}\n", plan.fold, plan.folds - 1);
  if (!plan.group.empty())
    text += fmt::format("groups       by {}; {} subjects without one\n", plan.group, training.data.without_group());
  for (const std::string& warning : training.warnings) text += fmt::format("warning      {}\n", warning);
  return text;
}

std::unique_ptr<models::Model> model_of(const TrainSettings& settings, const io::Cohort& cohort) {
  return settings.model.make(task::data_spec(settings.model, cohort, settings.task.targets.size()), settings.activation,
                             models::Model::Memory::kSizesOnly);
}

RunEstimate estimate_with(const TrainSettings& settings, int ranks, const task::TrainingData& data,
                          const models::Model& model) {
  const task::BatchSettings& batches = settings.step.batches;
  const auto shards = static_cast<std::size_t>(ranks) * static_cast<std::size_t>(batches.micro_steps());
  const auto batch = static_cast<std::size_t>(batches.micro_batch());
  const task::TrainingOrder order(batches.seed, data.part(task::Part::kTrain).size(), shards, batch);
  RunEstimate e;
  e.subjects = data.data.subjects().size();
  for (const task::Part part : task::kParts) e.parts[static_cast<std::size_t>(part)] = data.part(part).size();
  e.data_sha256 = data.sha256;
  e.parameters = model.parameters().element_count();
  e.facts = model.facts();
  e.global_batch = shards * batch;
  e.steps_per_epoch = order.steps_per_epoch();
  e.steps = e.steps_per_epoch * settings.schedule.epochs;
  e.parameter_bytes = parameter_bytes(model);
  e.activation_bytes = model.cost(batches.micro_batch()).activation_bytes;
  // The backward pass is twice the forward pass; every epoch ends with a validation.
  const double passes = 3.0 * static_cast<double>(data.part(task::Part::kTrain).size()) +
                        static_cast<double>(data.part(task::Part::kVal).size());
  e.operations = model.cost(1).forward_flops * passes * settings.schedule.epochs;
  return e;
}

}  // namespace

RunEstimate estimate(const TrainSettings& settings, const io::Cohort& cohort, int ranks) {
  return estimate_with(settings, ranks,
                       task::prepare_training_data(cohort, settings.task, settings.split, settings.model.frames),
                       *model_of(settings, cohort));
}

std::string describe(const TrainSettings& settings, const io::Cohort& cohort, int ranks) {
  const task::TrainingData data =
      task::prepare_training_data(cohort, settings.task, settings.split, settings.model.frames);
  const auto model = model_of(settings, cohort);
  const RunEstimate e = estimate_with(settings, ranks, data, *model);
  const task::BatchSettings& batches = settings.step.batches;
  const io::CohortGrid& grid = cohort.layout().grid;
  const std::int64_t frames = settings.model.frames;
  const double seconds = e.operations / settings.schedule.epochs / (kSpeed * ranks);
  std::string text = fmt::format("cohort       {} scans, {} subjects: {} train, {} val, {} test\n",
                                 cohort.scans().size(), e.subjects, e.parts[0], e.parts[1], e.parts[2]);
  text += task::describe_left_out(data, frames) + describe_targets(data) + task::describe_labels(data);
  if (const io::ParcelTable* parcels = cohort.parcels())
    text += fmt::format("parcels      {}, {}\n", parcels->size(), models::name_of(settings.normalize));
  else
    text += fmt::format("grid         {} x {} x {} voxels\n", grid.x, grid.y, grid.z);
  text += fmt::format("window       {}\n", task::describe_window(cohort, frames));
  text += fmt::format("parameters   {}\n", e.parameters);
  for (const auto& [name, value] : model->facts()) text += fmt::format("{:<13}{}\n", name, value);
  text +=
      fmt::format("batch        {} samples per update ({} rank{} x {} x {} micro step{}){}\n", e.global_batch, ranks,
                  ranks == 1 ? "" : "s", batches.batch_size, batches.accumulate, batches.accumulate == 1 ? "" : "s",
                  batches.micro_batch() < batches.batch_size ? ", each computed by itself" : "");
  text += fmt::format("steps        {} per epoch, {} in {} epochs; an epoch is one window of each of {} participants\n",
                      e.steps_per_epoch, e.steps, settings.schedule.epochs, e.parts[0]);
  text += fmt::format(
      "time         about {} an epoch, {} in all, at {:.0f} GFLOP/s a rank ('brainmt bench step' measures a step)\n",
      duration_text(seconds), duration_text(seconds * settings.schedule.epochs), kSpeed * 1e-9);
  return text + fmt::format(
                    "memory       about {:.0f} MiB per rank: {:.0f} for parameters and optimiser, {:.0f} for "
                    "activations\n",
                    (e.parameter_bytes + e.activation_bytes) / kMebibyte, e.parameter_bytes / kMebibyte,
                    e.activation_bytes / kMebibyte);
}

}  // namespace brainmt::train
