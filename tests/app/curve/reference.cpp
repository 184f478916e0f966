#include "curve/reference.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include "base/philox.hpp"
#include "support/double_tensor.hpp"
#include "task/training_batches.hpp"
#include "train/schedule.hpp"

namespace brainmt::test {
namespace {

// Rounds at random, by at most u of each element.
void shake(const Tensor& flat, double u, Philox& random) {
  for (double& v : std::span(flat.data<double>(), static_cast<std::size_t>(flat.count())))
    v *= 1 + u * random.uniform(-1.0, 1.0);
}

// Binary cross-entropy of logits: the loss, and its gradient in the logits.
double loss_of(const std::vector<double>& logits, const task::MicroBatch& batch, std::vector<double>& gradient) {
  double loss = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double x = logits[i], y = batch.targets[i], weight = batch.weights[i];
    loss += weight * (std::max(x, 0.0) - x * y + std::log1p(std::exp(-std::abs(x))));
    gradient.push_back(weight * (1 / (1 + std::exp(-x)) - y));
  }
  return loss;
}

class Trainee {
 public:
  Trainee(const train::TrainSettings& settings, const io::Cohort& cohort)
      : seed_(settings.step.batches.seed),
        model_(settings.model.make(task::data_spec(settings.model, cohort, 1), DType::kF64,
                                   models::Model::Memory::kAllocate)),
        optimizer_(model_->parameters(), settings.optimizer) {
    model_->initialise(seed_);  // draws are fp32 whatever the model's type
  }

  StepValues step(const task::MicroBatch& batch, std::int64_t number, double lr, double u, Philox& random) {
    nn::ParameterStore& store = model_->parameters();
    store.zero_grads();
    const Tensor kept = u > 0 ? store.values().clone() : Tensor{};
    if (u > 0) shake(store.values(), u, random);
    autograd::Tape tape;
    const models::Pass context{.training = true, .seed = seed_, .step = number, .samples = batch.samples};
    const autograd::Var input(test::in_double(batch.input.to_host(), batch.input.shape()));
    const autograd::Var output = model_->forward(tape, input, context).prediction;
    StepValues result;
    std::vector<double> gradient;
    result.loss = loss_of(output.value().to_host(), batch, gradient);
    tape.backward(output, test::in_double(gradient, output.shape()));
    if (u > 0) {
      store.values().copy_from(kept);
      shake(store.grads(), u, random);
    }
    result.gradient_norm = optimizer_.gradient_norm();
    optimizer_.step(lr, result.gradient_norm);
    return result;
  }

 private:
  std::uint64_t seed_;
  std::unique_ptr<models::Model> model_;
  nn::AdamW optimizer_;
};

}  // namespace

std::vector<StepValues> train_in_double(const train::TrainSettings& s, const io::Cohort& cohort, std::int64_t steps,
                                        double rounding, std::uint64_t twin) {
  const task::TrainingData data = task::prepare_training_data(cohort, s.task, s.split, s.model.frames);
  task::BatchPlan plan{.settings = s.step.batches, .input = task::windows_of(cohort, s.model.frames)};
  const std::int64_t per_epoch = task::order_of(plan, data).steps_per_epoch();
  plan.end_step = steps;
  const train::LearningRateSchedule schedule(s.schedule, per_epoch);
  task::TrainingBatches batches(data, plan);
  Trainee trainee(s, cohort);
  Philox random(1, 2, twin);
  std::vector<StepValues> curve;
  for (std::int64_t step = 0; step < steps; ++step)
    curve.push_back(trainee.step(batches.next(step, 0), step, schedule.at(step), rounding, random));
  return curve;
}

}  // namespace brainmt::test
