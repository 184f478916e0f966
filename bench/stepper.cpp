#include "bench/stepper.hpp"

#include <chrono>
#include <utility>

#include "base/philox.hpp"
#include "kernels/types.hpp"
#include "profile/region.hpp"

namespace brainmt::bench {
namespace {

constexpr double kLr = 1e-9;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

task::TaskDescription regressions(std::int64_t outputs) {
  return {.targets = std::vector<task::TargetDescription>(static_cast<std::size_t>(outputs))};
}

std::unique_ptr<models::Model> initialised(std::unique_ptr<models::Model> model) {
  model->initialise(1);
  return model;
}

}  // namespace

Stepper::Stepper(std::unique_ptr<models::Model> model, int samples, comm::Communicator& comm, bool graphs)
    : model_(initialised(std::move(model))),
      window_(static_cast<std::size_t>(model_->input_shape(1).count())),
      optimizer_(model_->parameters(), {}),
      route_(comm, {.graphs = graphs}),
      objective_(task::supervised(regressions(model_->outputs()))),
      runner_(*model_, *objective_, optimizer_, comm, route_.transport(),
              {.batches = {.seed = 0, .batch_size = 1, .accumulate = samples}}, route_.capture()),
      rank_(comm.rank()),
      samples_(samples),
      global_samples_(std::int64_t{samples} * comm.size()) {
  Philox random(1, 0);
  for (float& v : window_) v = static_cast<float>(random.uniform(-1.0, 1.0));
}

task::MicroBatch Stepper::batch(int micro_step) const {
  const profile::Region region("brainmt::input");
  const auto outputs = static_cast<std::size_t>(model_->outputs());
  return {.input = Tensor::from_host(window_, model_->input_shape(1), model_->parameters().activation_dtype()),
          .targets = std::vector(outputs, 0.0f),
          .weights = std::vector(outputs, 1.0f),
          .samples = {std::int64_t{rank_} * samples_ + micro_step}};
}

StepTimes Stepper::run() {
  const train::StepResult result = runner_.run(
      {.step = steps_++, .lr = kLr, .global_samples = global_samples_, .batch = [this](int micro, const Tensor&) {
         return batch(micro);
       }});
  kernels::Exec{}.fence();  // include device work in the time
  return {.forward = result.forward_seconds,
          .backward = result.backward_seconds,
          .exposed = result.reduce_seconds,
          .optimiser = result.update_seconds};
}

Throughput best_of(Stepper& stepper, comm::Communicator& comm, int repeats) {
  Throughput result;
  stepper.run();
  for (int i = 0; i < repeats; ++i) {
    comm.barrier();
    const double start = now();
    const StepTimes t = stepper.run();
    const double seconds = comm::all_reduce_value(comm, now() - start, comm::ReduceOp::kMax);
    if (i == 0 || seconds < result.seconds) result = {t, seconds};
  }
  return result;
}

}  // namespace brainmt::bench
