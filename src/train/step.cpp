#include "train/step.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/fault.hpp"
#include "kernels/elementwise.hpp"
#include "kernels/loss.hpp"
#include "profile/region.hpp"
#include "tensor/views.hpp"

namespace brainmt::train {
namespace {

using Clock = std::chrono::steady_clock;

std::vector<comm::ParameterRange> ranges_of(const nn::ParameterStore& store) {
  std::vector<comm::ParameterRange> ranges;
  for (const nn::Parameter& p : store.all()) ranges.push_back({p.offset, p.count});
  return ranges;
}

// Overwrites the first element of a flat float array when a fault asks for it.
void carry_out(fault::Action action, const Tensor& flat) {
  if (action == fault::Action::kNan)
    flat.slice(0, 1).copy_from(Tensor::from_host(std::vector{std::nanf("")}, {1}, DType::kF32));
  if (action == fault::Action::kBitflip) {
    const auto value = static_cast<float>(flat.slice(0, 1).to_host()[0]);
    flat.slice(0, 1).copy_from(Tensor::from_host(std::vector{std::nextafter(value, 2.0f)}, {1}, DType::kF32));
  }
}

}  // namespace

LossValues loss_of(const Tensor& output, const std::vector<float>& targets, const std::vector<float>& weights,
                   const std::vector<kernels::Loss>& kinds) {
  const auto count = static_cast<std::size_t>(output.count());
  BRAINMT_CHECK(targets.size() == count && weights.size() == count && count % kinds.size() == 0,
                "{} outputs for {} targets, {} weights", count, targets.size(), weights.size());
  const Shape flat{output.count()};
  const LossValues values{Tensor(output.shape(), DType::kF32), Tensor(output.shape(), DType::kF32)};
  // One pass for each kind of loss, over the labels of its targets; the others have no weight in it and stay as they
  // are. Targets of one kind, as a run with one target has, take a single pass.
  std::vector<kernels::Loss> passes;
  std::vector<float> rows = targets;  // then the weights of each pass: all of it reaches the device in one copy
  for (const kernels::Loss kind : {kernels::Loss::kMse, kernels::Loss::kBceWithLogits}) {
    if (std::ranges::find(kinds, kind) == kinds.end()) continue;
    passes.push_back(kind);
    for (std::size_t i = 0; i < count; ++i) rows.push_back(kinds[i % kinds.size()] == kind ? weights[i] : 0);
  }
  const auto row_count = static_cast<std::int64_t>(passes.size()) + 1;
  const Tensor labels = Tensor::from_host(rows, {row_count, output.count()}, DType::kF32);
  const auto row = [&](std::int64_t i) { return view1<const float>(labels.slice(i, i + 1)); };
  for (std::size_t i = 0; i < passes.size(); ++i) {
    const LossValues pass{Tensor(flat, DType::kF32), Tensor(flat, DType::kF32)};
    kernels::loss_fwd_bwd<float>(kernels::Exec{}, view1<float>(pass.loss), view1<float>(pass.gradient),
                                 view1<const float>(output), row(0), row(static_cast<std::int64_t>(i) + 1), passes[i]);
    const float kept = i == 0 ? 0 : 1;
    kernels::axpby<float>(kernels::Exec{}, view1<float>(values.loss), 1, view1<const float>(pass.loss), kept);
    kernels::axpby<float>(kernels::Exec{}, view1<float>(values.gradient), 1, view1<const float>(pass.gradient), kept);
  }
  return values;
}

StepRunner::StepRunner(models::BrainMT& model, AdamW& optimizer, comm::Communicator& control,
                       const comm::GradientLink& gradients, const StepSettings& settings)
    : model_(model),
      optimizer_(optimizer),
      control_(control),
      settings_(settings),
      reducer_(gradients, ranges_of(model.parameters()), model.parameters().grads().data<float>(),
               model.parameters().flat_count(), settings.bucket_bytes, settings.determinism) {}

StepResult StepRunner::run(const StepRequest& request) {
  StepResult result;
  nn::ParameterStore& store = model_.parameters();
  // One slot per target and sample of the global batch, filled by the rank that has it, then two flags: summed over
  // ranks in one message, and added up in the order of the samples, so that losses do not depend on the number of
  // ranks.
  const auto samples = static_cast<std::size_t>(request.global_samples);
  std::vector<double> agreed(samples * settings_.losses.size() + 2, 0.0);
  double& not_finite = agreed[agreed.size() - 2];
  double& stop = agreed[agreed.size() - 1];

  fault::at("step.begin", control_.rank(), request.step);
  store.zero_grads();
  reducer_.begin_step(settings_.micro_steps);
  for (int micro = 0; micro < settings_.micro_steps; ++micro) {
    if (micro > 0 && settings_.determinism == comm::Determinism::kWorld) store.zero_grads();
    const auto begin = Clock::now();
    const MicroBatch batch = request.batch(micro);
    result.data_seconds += std::chrono::duration<double>(Clock::now() - begin).count();
    reducer_.begin_micro_step();
    run_micro_step(request, batch, agreed);
  }
  result.reduce_seconds = reducer_.finish();

  carry_out(fault::at("step.gradients", control_.rank(), request.step), store.grads());
  result.gradient_norm = optimizer_.gradient_norm();
  not_finite = std::isfinite(result.gradient_norm) ? 0 : 1;
  stop = request.stop() ? 1 : 0;
  if (fault::at("step.agree", control_.rank(), request.step) != fault::Action::kSkip) {
    const profile::Region region("brainmt::comm::agree");
    control_.all_reduce(agreed.data(), agreed.size(), comm::DataType::kDouble, comm::ReduceOp::kSum);
  }
  for (std::size_t k = 0; k < settings_.losses.size(); ++k) {
    const auto first = agreed.begin() + static_cast<std::ptrdiff_t>(k * samples);
    result.target_losses.push_back(std::accumulate(first, first + request.global_samples, 0.0));
    result.loss += result.target_losses.back();
  }
  result.stop = stop > 0;
  result.updated = not_finite == 0 && std::isfinite(result.loss);
  if (result.updated) optimizer_.step(request.lr, result.gradient_norm);
  carry_out(fault::at("step.end", control_.rank(), request.step), store.values());
  return result;
}

void StepRunner::run_micro_step(const StepRequest& request, const MicroBatch& batch, std::vector<double>& losses) {
  autograd::Tape tape;
  if (batch.samples.empty()) return backward(tape, {}, {});
  const models::ForwardContext context{
      .training = true, .seed = settings_.seed, .step = request.step, .samples = batch.samples};
  const auto forward = [&] {
    const profile::Region region("brainmt::forward");
    return model_.forward(tape, autograd::Var(batch.input), context).output;
  };
  const autograd::Var output = forward();
  const LossValues values = loss_of(output.value(), batch.targets, batch.weights, settings_.losses);
  const std::vector<double> by_label = values.loss.to_host();
  const std::size_t targets = settings_.losses.size();
  for (std::size_t i = 0; i < by_label.size(); ++i) {
    const auto sample = static_cast<std::size_t>(batch.samples[i / targets]);
    losses[i % targets * static_cast<std::size_t>(request.global_samples) + sample] = by_label[i];
  }
  backward(tape, output, values.gradient);
}

void StepRunner::backward(autograd::Tape& tape, const autograd::Var& output, Tensor gradient) {
  std::vector<char> announced(model_.parameters().all().size(), false);
  const auto announce = [&](std::size_t index) {
    announced[index] = true;
    reducer_.ready(index);
  };
  if (output.defined()) {
    const profile::Region region("brainmt::backward");
    tape.on_parameter_ready([&](nn::Parameter& p) { announce(p.index); });
    tape.backward(output, std::move(gradient));
  }
  // Parameters that this forward pass did not use (all of them without a sample) contribute zeros.
  for (std::size_t index = announced.size(); index-- > 0;)
    if (!announced[index]) announce(index);
}

}  // namespace brainmt::train
