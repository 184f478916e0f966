#include "task/training_batches.hpp"

#include <algorithm>
#include <deque>
#include <optional>

namespace brainmt::task {
namespace {

std::size_t shard_of(const BatchPlan& plan, int micro_step) {
  return static_cast<std::size_t>(plan.rank) * static_cast<std::size_t>(plan.settings.micro_steps()) +
         static_cast<std::size_t>(micro_step);
}

// The requests of all steps of a plan, one after the other; lives on the loader's thread.
class RequestSource {
 public:
  RequestSource(const TrainingData& data, const BatchPlan& plan)
      : data_(&data), plan_(plan), order_(order_of(plan, data)), step_(plan.first_step) {}

  std::optional<io::WindowRequest> operator()() {
    while (pending_.empty()) {
      if (step_ == plan_.end_step) return std::nullopt;
      for (int micro = 0; micro < plan_.settings.micro_steps(); ++micro)
        for (const Sample& sample : order_.samples(step_, shard_of(plan_, micro))) pending_.push_back(request(sample));
      ++step_;
    }
    const io::WindowRequest next = pending_.front();
    pending_.pop_front();
    return next;
  }

 private:
  io::WindowRequest request(const Sample& sample) const {
    const std::size_t index = data_->part(Part::kTrain)[sample.item];
    const Subject& subject = data_->data.subjects()[index];
    std::vector<std::size_t> frames;
    for (const std::size_t scan : subject.scans) frames.push_back(data_->data.cohort().scans()[scan].frames);
    const auto length = static_cast<std::size_t>(plan_.input.frames);
    const WindowChoice choice = training_window(plan_.settings.seed, order_.epoch_of(step_), index, frames, length);
    return {subject.scans[choice.run], choice.first_frame, length};
  }

  const TrainingData* data_;
  BatchPlan plan_;
  TrainingOrder order_;
  std::int64_t step_;
  std::deque<io::WindowRequest> pending_;
};

// Micro steps per update: as given, or what makes run.global_batch.
int accumulation(const config::Config& config, int ranks) {
  const auto global_batch = config.get<std::int64_t>("run.global_batch");
  const std::int64_t per_micro_step = config.get<std::int64_t>("run.batch_size") * ranks;
  const auto given = config.get<std::int64_t>("run.accumulate");
  if (global_batch == 0) return config.get<int>("run.accumulate");
  const std::int64_t needed =
      config.is_set("run.accumulate") ? given : std::max<std::int64_t>(global_batch / per_micro_step, 1);
  if (needed * per_micro_step != global_batch)
    throw UsageError(
        fmt::format("run.global_batch={}: expected run.batch_size x ranks x run.accumulate, found {} x {} x {}; "
                    "leave run.accumulate out to have it computed",
                    global_batch, config.get<std::int64_t>("run.batch_size"), ranks, needed));
  return static_cast<int>(needed);
}

}  // namespace

BatchSettings BatchSettings::from_config(const config::Config& config, int ranks) {
  return {.seed = static_cast<std::uint64_t>(config.get<std::int64_t>("run.seed")),
          .batch_size = config.get<int>("run.batch_size"),
          .accumulate = accumulation(config, ranks),
          .by_sample = config.get<std::string>("deterministic") == "world",
          .prefetch = config.get<std::int64_t>("data.prefetch")};
}

TrainingOrder order_of(const BatchPlan& plan, const TrainingData& data) {
  const auto shards = static_cast<std::size_t>(plan.ranks) * static_cast<std::size_t>(plan.settings.micro_steps());
  return {plan.settings.seed, data.part(Part::kTrain).size(), shards,
          static_cast<std::size_t>(plan.settings.micro_batch())};
}

TrainingBatches::TrainingBatches(const TrainingData& data, const BatchPlan& plan)
    : data_(data),
      plan_(plan),
      order_(order_of(plan, data)),
      windows_(data.data.cohort(), RequestSource(data, plan), plan.input, plan.settings.prefetch, plan.activation) {}

std::vector<float> TrainingBatches::label_weights(std::int64_t step) {
  std::vector<std::size_t> labels(data_.outputs(), 0);
  for (const Sample& sample : order_.samples(step)) {
    const Subject& subject = data_.data.subjects()[data_.part(Part::kTrain)[sample.item]];
    for (std::size_t k = 0; k < labels.size(); ++k) labels[k] += subject.has_label(k) ? 1 : 0;
  }
  std::vector<float> weights;
  for (std::size_t k = 0; k < labels.size(); ++k)
    weights.push_back(static_cast<float>(data_.task.targets[k].target.weight /
                                         static_cast<double>(std::max<std::size_t>(labels[k], 1))));
  return weights;
}

MicroBatch TrainingBatches::next(std::int64_t step, int micro_step, const Tensor& out) {
  const std::vector<float> weights = label_weights(step);
  MicroBatch batch;
  for (const Sample& sample : order_.samples(step, shard_of(plan_, micro_step))) {
    const Subject& subject = data_.data.subjects()[data_.part(Part::kTrain)[sample.item]];
    for (std::size_t k = 0; k < weights.size(); ++k) {
      const bool labelled = subject.has_label(k);
      batch.targets.push_back(
          static_cast<float>(labelled ? data_.task.targets[k].scaling.scaled(subject.labels[k]) : 0));
      batch.weights.push_back(labelled ? weights[k] : 0.0f);
    }
    batch.samples.push_back(static_cast<std::int64_t>(sample.number));
  }
  if (!batch.samples.empty()) batch.input = windows_.take(static_cast<std::int64_t>(batch.samples.size()), out);
  return batch;
}

}  // namespace brainmt::task
