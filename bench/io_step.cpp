#include "bench/io_step.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

#include "bench/shared_directory.hpp"
#include "bench/simulated_cohort.hpp"
#include "comm/agreement.hpp"
#include "models/registry.hpp"
#include "task/objective.hpp"
#include "task/training_batches.hpp"
#include "train/gradient_route.hpp"
#include "train/step.hpp"

namespace brainmt::bench {
namespace {

constexpr double kLr = 1e-5;
constexpr std::uint64_t kSeed = 1;

// Steps of the program's own training loop, less validation and files.
class Steps {
 public:
  Steps(std::unique_ptr<models::Model> model, const task::TaskDescription& task, int micro_steps,
        comm::Communicator& comm)
      : model_(std::move(model)),
        optimizer_(model_->parameters(), {.clip_norm = 1}),
        route_(comm, {}),
        objective_(task::supervised(task)),
        runner_(*model_, *objective_, optimizer_, comm, route_.transport(),
                {.batches = {.seed = kSeed, .batch_size = 1, .accumulate = micro_steps}}),
        comm_(comm),
        samples_(std::int64_t{micro_steps} * comm.size()) {
    model_->initialise(kSeed);
  }

  struct Result {
    double seconds = 0;  // of the slowest rank
    double waited = 0;   // of them, this rank for its batches
  };
  Result run(std::int64_t step, std::function<task::MicroBatch(int, const Tensor&)> batch) {
    comm_.barrier();
    const auto start = std::chrono::steady_clock::now();
    const train::StepResult result =
        runner_.run({.step = step, .lr = kLr, .global_samples = samples_, .batch = std::move(batch)});
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    return {comm::all_reduce_value(comm_, taken.count(), comm::ReduceOp::kMax), result.data_seconds};
  }

 private:
  std::unique_ptr<models::Model> model_;
  nn::AdamW optimizer_;
  train::GradientRoute route_;
  std::unique_ptr<task::Objective> objective_;
  train::StepRunner runner_;
  comm::Communicator& comm_;
  std::int64_t samples_;
};

struct Comparison {
  std::vector<double> resident, stored;  // seconds of each step
  std::vector<double> ratios;            // of each pair
  double waited = 0, loader_cpu = 0;     // of this rank, over the measured steps from the store
};

// Pairs of steps, of the same number and so with the same DropPath; which of a pair comes first alternates.
Comparison run_pairs(Steps& steps, const task::TrainingData& data, task::BatchPlan plan) {
  task::BatchPlan first = plan;
  first.end_step = 1;
  task::TrainingBatches once(data, first);
  std::vector<task::MicroBatch> resident;
  for (int micro = 0; micro < plan.settings.micro_steps(); ++micro) resident.push_back(once.next(0, micro));
  task::TrainingBatches stream(data, plan);
  const auto from_memory = [&](int micro, const Tensor&) { return resident[static_cast<std::size_t>(micro)]; };

  Comparison result;
  double cpu_before = 0;
  for (std::int64_t step = 0; step < plan.end_step; ++step) {
    const auto from_store = [&](int micro, const Tensor& out) { return stream.next(step, micro, out); };
    Steps::Result kept, read;
    if (step % 2 == 0) kept = steps.run(step, from_memory);
    read = steps.run(step, from_store);
    if (step % 2 != 0) kept = steps.run(step, from_memory);
    if (step == 0) {  // memory is allocated, kernels are chosen
      cpu_before = stream.loader_cpu_seconds();
      continue;
    }
    result.resident.push_back(kept.seconds);
    result.stored.push_back(read.seconds);
    result.ratios.push_back(read.seconds / kept.seconds);
    result.waited += read.waited;
    result.loader_cpu = stream.loader_cpu_seconds() - cpu_before;
  }
  return result;
}

void add_to(Report& report, const Comparison& c) {
  const Timing resident = timing_of(c.resident), stored = timing_of(c.stored), ratio = timing_of(c.ratios);
  double total = 0;
  for (const double seconds : c.stored) total += seconds;
  report.rows.push_back({"step, batch in memory", resident, 0, 0, 0, ""});
  report.rows.push_back({"step, from the store", stored, 0, 0, 0, fmt::format("{:.3f} x", ratio.median)});
  report.lines.push_back(fmt::format(
      "step with windows from the store against the same on a batch in memory: {:.3f} x in the middle of {} pairs "
      "({:.3f} x by the fastest of each); rank 0 waited {:.2f} % of a step for data, its loader took {:.2f} % of a "
      "core; bar: 1.03 x",
      ratio.median, ratio.repeats, stored.min / resident.min, 100 * c.waited / total, 100 * c.loader_cpu / total));
  report.values.emplace_back("step_ratio", ratio.median);
  report.values.emplace_back("step_ratio_of_fastest", stored.min / resident.min);
  report.values.emplace_back("loader_cpu_share", c.loader_cpu / total);
  report.values.emplace_back("waited_share", c.waited / total);
}

}  // namespace

void compare_steps(Report& report, const config::Config& config, comm::Communicator& comm) {
  const auto grid = config.get<std::vector<std::int64_t>>("grid"),
             frames = config.get<std::vector<std::int64_t>>("frames");
  const int samples = config.get<int>("samples"), repeats = config.get<int>("repeats");
  if (samples % comm.size())
    throw UsageError(fmt::format("samples={}: expected a multiple of the {} ranks", samples, comm.size()));
  config::Config with_frames = config;
  with_frames.set("model.num_frames", config::parse_raw(std::to_string(frames.front())), config::Origin::kOverride,
                  "frames");
  const models::ModelPlan plan = models::plan_of(with_frames);
  const DType activation = models::precision_from_config(config);
  const auto extent = [&](std::size_t i) { return static_cast<std::uint32_t>(grid[i]); };

  // All subjects are trained on and divide into whole batches.
  constexpr std::size_t kBatches = 4;
  const SharedDirectory directory(comm);
  std::optional<io::Cohort> cohort;
  std::optional<task::TrainingData> data;
  comm::run_agreed(comm, [&] {
    if (comm.rank() == 0)
      write_simulated_cohort(directory / "cohort.h5", {.grid = {extent(0), extent(1), extent(2)},
                                                       .scans = kBatches * static_cast<std::size_t>(samples),
                                                       .frames = 2 * static_cast<std::uint64_t>(plan.frames)});
  });
  comm::run_agreed(comm, [&] {
    cohort.emplace(directory / "cohort.h5");
    data.emplace(task::prepare_training_data(*cohort,
                                             {.targets = {{.name = "sex", .task = task::Task::kClassification}}},
                                             {.plan = {.fractions = {1, 0, 0}}}, plan.frames));
  });
  auto model = plan.make(task::data_spec(plan, *cohort, 1), activation, models::Model::Memory::kAllocate);
  const models::InputSpec input = model->input();
  Steps steps(std::move(model), data->task, samples / comm.size(), comm);
  add_to(report, run_pairs(steps, *data,
                           {.settings = {.seed = kSeed, .batch_size = 1, .accumulate = samples / comm.size()},
                            .rank = comm.rank(),
                            .ranks = comm.size(),
                            .end_step = 1 + repeats,
                            .input = input,
                            .activation = activation}));
  comm.barrier();
}

}  // namespace brainmt::bench
