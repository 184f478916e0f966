// What a training run would be: sizes and a rough estimate of its memory.
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "train/describe_data.hpp"
#include "train/sampler.hpp"
#include "train/trainer.hpp"

namespace brainmt::train {
namespace {

constexpr double kMebibyte = 1 << 20;
constexpr double kSpeed = 20e9;  // operations a second that a rank sustains; as `sweep plan speed=` by default

double patch_voxels() { return std::pow(static_cast<double>(models::kPatchEdge), 3); }

// Weights, gradients, two moments, and the bf16 copy where there is one.
double parameter_bytes(models::BrainMT& model) {
  const auto count = static_cast<double>(model.parameters().flat_count());
  const bool has_copy = model.parameters().activation_dtype() != model.parameters().master_dtype();
  return count * (4 * sizeof(float) + (has_copy ? 2 : 0));
}

// Elements that the stem holds for a chunk of frames: the outputs of the convolution stage, or the cubes of voxels,
// which live only while they are projected.
double stem_elements(const models::BrainMT& model, const models::BrainMTConfig& c) {
  const auto chunk = static_cast<double>(model.frame_chunk());
  if (c.stem == models::Stem::kPatch) return chunk * static_cast<double>(model.places()) * patch_voxels();
  const double first_places = static_cast<double>((c.grid[0] + 1) / 2 * ((c.grid[1] + 1) / 2) * ((c.grid[2] + 1) / 2));
  return chunk * first_places * static_cast<double>(c.embed_dim / 8) * 4;
}

// Values kept between forward and backward for one sample: the token rows that each block saves (counted in widths of
// C), or one row a block with recompute, and what the stem holds.
double activation_bytes(const models::BrainMT& model, const models::BrainMTConfig& c, DType activation) {
  const double rows = static_cast<double>(model.tokens() * c.embed_dim);
  const double directions = c.bidirectional ? 2 : 1;
  const double of_mamba = 6 + 3 * c.expand * directions, of_attention = 11;
  const double blocks = c.recompute ? c.depth[0] + c.depth[1] + std::max(of_mamba, of_attention)
                                    : c.depth[0] * of_mamba + c.depth[1] * of_attention;
  return (rows * blocks + stem_elements(model, c)) * static_cast<double>(size_of(activation));
}

// One line for each target, as far as there is something to say about it.
std::string describe_targets(const TrainingData& training) {
  std::string text;
  for (std::size_t k = 0; k < training.outputs(); ++k) {
    const Target& target = training.task.targets[k].target;
    text += fmt::format("target       {}: {}, {} subjects have it{}\n", target.name, name_of(target.task),
                        training.data.subjects().size() - training.data.missing(k),
                        training.task.is_multitask ? fmt::format(", weight {}", target.weight) : "");
  }
  if (!training.task.confounds.empty())
    text += fmt::format("confounds    {}\n", fmt::join(training.task.confounds.terms(), ", "));
  const SplitPlan& plan = training.split.plan;
  if (plan.folds > 0) text += fmt::format("fold         {} of 0 to {}\n", plan.fold, plan.folds - 1);
  if (!plan.group.empty())
    text += fmt::format("groups       by {}; {} subjects without one\n", plan.group, training.data.without_group());
  for (const std::string& warning : training.warnings) text += fmt::format("warning      {}\n", warning);
  return text;
}

// Multiplications and additions of one frame's way through the convolution stage.
double convolution_operations(const models::BrainMTConfig& c) {
  const auto width = static_cast<double>(c.embed_dim);
  std::array<double, 3> extent{};
  std::ranges::transform(c.grid, extent.begin(), [](std::int64_t n) { return static_cast<double>((n + 1) / 2); });
  const auto halve = [&extent] {
    for (double& n : extent) n = std::ceil(n / 2);
  };
  constexpr double kTaps = 27;
  const auto convolution = [&](double in, double out) {
    return 2 * kTaps * in * out * extent[0] * extent[1] * extent[2];
  };
  double per_frame = convolution(1, width / 8);
  halve();
  per_frame += convolution(width / 8, width / 4) + 2 * convolution(width / 4, width / 4);
  halve();
  per_frame += convolution(width / 4, width / 2) + 2 * convolution(width / 2, width / 2);
  halve();
  return per_frame + convolution(width / 2, width);
}

// Multiplications and additions of one forward pass of one window: the stem, matrix products of the tokens, and the
// attention matrix. Norms and the scan itself are memory-bound and little beside these.
double forward_operations(const models::BrainMT& model, const models::BrainMTConfig& c) {
  const double width = static_cast<double>(c.embed_dim), tokens = static_cast<double>(model.tokens());
  const double per_frame = c.stem == models::Stem::kPatch
                               ? 2 * patch_voxels() * width * static_cast<double>(model.places())
                               : convolution_operations(c);
  const double inner = c.expand * width, directions = c.bidirectional ? 2 : 1;
  const double of_mamba = 2 * (3 * width * inner + directions * inner * (width / 8 + 2 * c.state_dim));
  const double of_attention = 2 * (4 + 4) * width * width + 4 * tokens * width;
  return per_frame * static_cast<double>(c.frames) + tokens * (c.depth[0] * of_mamba + c.depth[1] * of_attention);
}

RunEstimate estimate_with(const TrainSettings& settings, const io::Cohort& cohort, int ranks,
                          const TrainingData& data) {
  const models::BrainMTConfig config = model_config(settings, cohort);
  models::BrainMT model(config, settings.activation, models::BrainMT::Memory::kSizesOnly);
  const auto shards = static_cast<std::size_t>(ranks) * static_cast<std::size_t>(settings.micro_steps());
  const auto batch = static_cast<std::size_t>(settings.micro_batch());
  const TrainingOrder order(settings.seed, data.part(Part::kTrain).size(), shards, batch);
  RunEstimate e;
  e.subjects = data.data.subjects().size();
  for (const Part part : kParts) e.parts[static_cast<std::size_t>(part)] = data.part(part).size();
  e.data_sha256 = data.sha256;
  e.parameters = model.parameters().element_count();
  e.places = model.places();
  e.tokens = model.tokens();
  e.global_batch = shards * batch;
  e.steps_per_epoch = order.steps_per_epoch();
  e.steps = e.steps_per_epoch * settings.epochs;
  e.parameter_bytes = parameter_bytes(model);
  e.activation_bytes = activation_bytes(model, config, settings.activation) * settings.micro_batch();
  // The backward pass is twice the forward pass; every epoch ends with a validation.
  const double passes =
      3.0 * static_cast<double>(data.part(Part::kTrain).size()) + static_cast<double>(data.part(Part::kVal).size());
  e.operations = forward_operations(model, config) * passes * settings.epochs;
  return e;
}

}  // namespace

RunEstimate estimate(const TrainSettings& settings, const io::Cohort& cohort, int ranks) {
  return estimate_with(settings, cohort, ranks,
                       prepare_training_data(cohort, settings.task, settings.split, settings.model.frames));
}

std::string describe(const TrainSettings& settings, const io::Cohort& cohort, int ranks) {
  const TrainingData data = prepare_training_data(cohort, settings.task, settings.split, settings.model.frames);
  const RunEstimate e = estimate_with(settings, cohort, ranks, data);
  const models::BrainMTConfig config = model_config(settings, cohort);
  const double seconds = e.operations / settings.epochs / (kSpeed * ranks);
  std::string text = fmt::format("cohort       {} scans, {} subjects: {} train, {} val, {} test\n",
                                 cohort.scans().size(), e.subjects, e.parts[0], e.parts[1], e.parts[2]);
  text += describe_left_out(data, config.frames) + describe_targets(data) + describe_labels(data);
  text += fmt::format("grid         {} x {} x {} voxels\n", config.grid[0], config.grid[1], config.grid[2]);
  text += fmt::format("window       {}\n", describe_window(cohort, config.frames));
  if (config.stem == models::Stem::kPatch) text += "stem         patches of 16x16x16 voxels, no convolutions\n";
  text += fmt::format("parameters   {}\n", e.parameters);
  text += fmt::format("tokens       {} per sample ({} places x {} frames + 1)\n", e.tokens, e.places, config.frames);
  text += fmt::format("batch        {} samples per update ({} ranks x {} x {} micro steps){}\n", e.global_batch, ranks,
                      settings.batch_size, settings.accumulate,
                      settings.micro_batch() < settings.batch_size ? ", each computed by itself" : "");
  text += fmt::format("steps        {} per epoch, {} in {} epochs; an epoch is one window of each of {} participants\n",
                      e.steps_per_epoch, e.steps, settings.epochs, e.parts[0]);
  text += fmt::format(
      "time         about {:.2g} minutes an epoch, {:.2g} hours in all, at {:.0f} GFLOP/s a rank "
      "('brainmt bench step' measures a step)\n",
      seconds / 60, seconds * settings.epochs / 3600, kSpeed * 1e-9);
  return text + fmt::format(
                    "memory       about {:.0f} MiB per rank: {:.0f} for parameters and optimiser, {:.0f} for "
                    "activations\n",
                    (e.parameter_bytes + e.activation_bytes) / kMebibyte, e.parameter_bytes / kMebibyte,
                    e.activation_bytes / kMebibyte);
}

}  // namespace brainmt::train
