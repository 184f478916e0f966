#include "train/step.hpp"

#include <chrono>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/fault.hpp"
#include "profile/region.hpp"

namespace brainmt::train {
namespace {

using Clock = std::chrono::steady_clock;

std::vector<comm::ParameterRange> ranges_of(const nn::ParameterStore& store) {
  std::vector<comm::ParameterRange> ranges;
  for (const nn::Parameter& p : store.all()) ranges.push_back({p.offset, p.count});
  return ranges;
}

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

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

StepRunner::StepRunner(models::Model& model, const task::Objective& objective, nn::AdamW& optimizer,
                       comm::Communicator& control, const comm::GradientTransport& gradients,
                       const StepSettings& settings, StreamCapture* capture)
    : model_(model),
      objective_(objective),
      optimizer_(optimizer),
      control_(control),
      settings_(settings),
      reducer_(gradients, ranges_of(model.parameters()), model.parameters().grads().data<float>(),
               model.parameters().flat_count(), settings.bucket_bytes, settings.determinism()),
      captured_steps_(capture, control, gradients.comm, reducer_.can_capture()) {}

StepResult StepRunner::run(const StepRequest& request) {
  StepResult result;
  nn::ParameterStore& store = model_.parameters();
  // One slot per term and sample of the global batch, filled by the rank that has it, then two flags: summed over
  // ranks in one message, and added up in the order of the samples, so that losses do not depend on the number of
  // ranks.
  const auto samples = static_cast<std::size_t>(request.global_samples);
  const auto terms = static_cast<std::size_t>(objective_.terms());
  std::vector<double> agreed(samples * terms + 2, 0.0);
  double& not_finite = agreed[agreed.size() - 2];
  double& stop = agreed[agreed.size() - 1];

  fault::at("step.begin", control_.rank(), request.step);
  store.zero_grads();
  reducer_.begin_step(settings_.batches.micro_steps());
  for (int micro = 0; micro < settings_.batches.micro_steps(); ++micro) {
    if (micro > 0 && settings_.determinism() == comm::Determinism::kWorld) store.zero_grads();
    const auto begin = Clock::now();
    const task::MicroBatch batch = request.batch(micro, captured_.input());
    result.data_seconds += seconds_since(begin);
    reducer_.begin_micro_step();
    run_micro_step(request, batch, micro, result);
  }
  result.reduce_seconds = reducer_.finish();
  read_losses(request.global_samples, agreed);

  carry_out(fault::at("step.gradients", control_.rank(), request.step), store.grads());
  optimizer_.drop_frozen_gradients();
  result.gradient_norm = optimizer_.gradient_norm();
  not_finite = std::isfinite(result.gradient_norm) ? 0 : 1;
  stop = request.stop() ? 1 : 0;
  if (fault::at("step.agree", control_.rank(), request.step) != fault::Action::kSkip) {
    const profile::Region region("brainmt::comm::agree");
    control_.all_reduce(agreed.data(), agreed.size(), comm::DataType::kDouble, comm::ReduceOp::kSum);
  }
  for (std::size_t k = 0; k < terms; ++k) {
    const auto first = agreed.begin() + static_cast<std::ptrdiff_t>(k * samples);
    result.terms.push_back(std::accumulate(first, first + request.global_samples, 0.0));
    result.loss += result.terms.back();
  }
  result.stop = stop > 0;
  result.updated = not_finite == 0 && std::isfinite(result.loss);
  const auto update = Clock::now();
  if (result.updated) optimizer_.step(request.lr, result.gradient_norm);
  result.update_seconds = seconds_since(update);
  carry_out(fault::at("step.end", control_.rank(), request.step), store.values());
  return result;
}

// Whether every micro batch of every rank is. All ranks come to the same verdict.
bool StepRunner::is_full(const StepRequest& request) const {
  return request.global_samples ==
         std::int64_t{settings_.batches.micro_batch()} * settings_.batches.micro_steps() * control_.size();
}

void StepRunner::run_micro_step(const StepRequest& request, const task::MicroBatch& batch, int micro,
                                StepResult& times) {
  const bool repeats = captured_steps_.active() && is_full(request);
  if (batch.samples.empty()) {
    autograd::Tape nothing;
    return backward(nothing, {}, {});
  }
  const std::vector<float> draws = model_.draws({.training = true,
                                                 .seed = settings_.batches.seed,
                                                 .step = request.step,
                                                 .samples = batch.samples,
                                                 .want = objective_.wants()});
  if (repeats) {
    captured_.fill(batch, draws, objective_.terms());
    repeat_captured(micro + 1 == settings_.batches.micro_steps(), times);
    losses_.push_back({captured_.loss().clone(), batch.samples});  // the next micro step writes over it
  } else {
    StepBuffers buffers;
    buffers.fill(batch, draws, objective_.terms());
    forward_and_backward(buffers, times);
    losses_.push_back({buffers.loss(), batch.samples});
  }
}

void StepRunner::repeat_captured(bool reduces, StepResult& times) {
  const auto begin = Clock::now();
  StepResult inside;
  const auto pass = [this, &inside] { forward_and_backward(captured_, inside); };
  const auto captured_pass = [this, reduces, pass] { reducer_.capture(reduces, pass); };
  if (captured_steps_.run(reduces ? CapturedSteps::Kind::kReduces : CapturedSteps::Kind::kAdds, pass, captured_pass))
    reducer_.launched();
  times.forward_seconds += inside.forward_seconds;
  times.backward_seconds += seconds_since(begin) - inside.forward_seconds;
}

void StepRunner::forward_and_backward(const StepBuffers& buffers, StepResult& times) {
  const auto begin = Clock::now();
  autograd::Tape tape;
  const models::Pass pass{.training = true, .draws = buffers.draws(), .want = objective_.wants()};
  const auto forward = [&] {
    const profile::Region region("brainmt::forward");
    return model_.forward(tape, autograd::Var(buffers.input()), pass);
  };
  const autograd::Var loss = objective_.loss(tape, forward(), buffers.labels());
  buffers.loss().copy_from(loss.value());
  times.forward_seconds += seconds_since(begin);
  const auto middle = Clock::now();
  backward(tape, loss, buffers.ones().clone());  // which becomes the backward pass's
  times.backward_seconds += seconds_since(middle);
}

void StepRunner::backward(autograd::Tape& tape, const autograd::Var& loss, Tensor gradient) {
  std::vector<char> announced(model_.parameters().all().size(), false);
  const auto announce = [&](std::size_t index) {
    announced[index] = true;
    reducer_.ready(index);
  };
  if (loss.defined()) {
    const profile::Region region("brainmt::backward");
    tape.on_parameter_ready([&](nn::Parameter& p) { announce(p.index); });
    tape.backward(loss, std::move(gradient));
  }
  // Parameters that this forward pass did not use (all of them without a sample) contribute zeros.
  for (std::size_t index = announced.size(); index-- > 0;)
    if (!announced[index]) announce(index);
}

// Into one row for each term, by the samples' numbers. Only now, so that nothing before it waits for the device.
void StepRunner::read_losses(std::int64_t global_samples, std::vector<double>& by_sample) {
  const auto terms = static_cast<std::size_t>(objective_.terms());
  for (const Losses& losses : losses_) {
    const std::vector<double> by_term = losses.by_term.to_host();
    for (std::size_t i = 0; i < by_term.size(); ++i) {
      const auto sample = static_cast<std::size_t>(losses.samples[i / terms]);
      by_sample[i % terms * static_cast<std::size_t>(global_samples) + sample] = by_term[i];
    }
  }
  losses_.clear();
}

}  // namespace brainmt::train
