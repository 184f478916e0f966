#include "train/training_loop.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/fault.hpp"
#include "base/log.hpp"
#include "comm/agreement.hpp"
#include "comm/gather.hpp"
#include "run/data_origin.hpp"
#include "run/replicas.hpp"
#include "train/slow_ranks.hpp"
#include "train/validation.hpp"

namespace brainmt::train {
namespace {

task::BatchPlan plan_of(const TrainSettings& s, const models::InputSpec& input, const comm::Communicator& comm,
                        const task::TrainingData& data, std::int64_t first_step) {
  task::BatchPlan plan{.settings = s.step.batches,
                       .rank = comm.rank(),
                       .ranks = comm.size(),
                       .first_step = first_step,
                       .input = input,
                       .activation = s.activation};
  plan.end_step = s.schedule.epochs * order_of(plan, data).steps_per_epoch();
  return plan;
}

// Injected loss spike: targets far from any output.
void carry_out(fault::Action action, task::MicroBatch& batch) {
  if (action == fault::Action::kSpike)
    for (float& target : batch.targets) target = 1e3f - target;
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

TrainingLoop::TrainingLoop(const TrainSettings& settings, const task::TrainingData& data, models::Model& model,
                           const task::Objective& objective, run::CheckpointStore& checkpoints,
                           comm::Communicator& comm, comm::Watchdog& watchdog, run::TrainState state, bool resumed)
    : settings_(settings),
      data_(data),
      model_(model),
      objective_(objective),
      checkpoints_(checkpoints),
      comm_(comm),
      state_(std::move(state)),
      time_limit_(settings.time_limit, start_, TimeLimit::seconds_left_by_slurm()),
      plan_(plan_of(settings, model.input(), comm, data, state_.step)),
      order_(order_of(plan_, data)),
      schedule_(settings.schedule, order_.steps_per_epoch()),
      optimizer_(model.parameters(), settings.optimizer),
      route_(comm, settings.route),
      stepper_(model, objective, optimizer_, comm, route_.transport(), settings.step, route_.capture()),
      stopping_(settings.loop.patience, 0.0, state_.stopping),
      metadata_{{"format", "pt"},
                {run::kModelKey, run::describe_model(model)},
                {task::kTaskKey, task::describe_task(data.task)},
                {run::kDataKey, state_.data}},
      watchdog_(watchdog),
      loss_watch_(settings.loop.loss_spike, resumed ? run::first_training_loss(settings.run_dir) : std::nullopt) {
  if (resumed) {
    checkpoints_.load(state_.step, model_.parameters(), optimizer_);
    optimizer_.set_updates(state_.updates);
    saved_step_ = state_.step;
  } else {
    model_.initialise(settings_.step.batches.seed);
    start_from_weights();
  }
  if (comm_.rank() != 0) return;
  const bool names_targets = data_.task.is_multitask || data_.task.is_reconstruction;
  log_.emplace(settings_.run_dir, state_.step, names_targets ? objective_.metric_names() : std::vector<std::string>{});
  on_terminal_ = ::isatty(STDERR_FILENO) == 1;
  if (!time_limit_.rule().empty()) log::info("{}", time_limit_.rule());
}

// Collective.
void TrainingLoop::start_from_weights() {
  if (settings_.init.weights.empty()) return;
  const std::filesystem::path file = run::weights_file_of(comm_, settings_.init.weights);
  comm::run_agreed(comm_, [&] {
    const StartWeights start = start_from_file(file, model_, data_.task, data_.data.cohort(), settings_.allow_mismatch);
    if (comm_.rank() == 0) start.log(file);
  });
}

void TrainingLoop::Interval::add(const StepResult& result, std::int64_t step_samples, double step_seconds) {
  ++steps;
  samples += step_samples;
  loss += result.loss;
  terms.resize(result.terms.size());
  for (std::size_t k = 0; k < terms.size(); ++k) terms[k] += result.terms[k];
  seconds += step_seconds;
  data_seconds += result.data_seconds;
  reduce_seconds += result.reduce_seconds;
}

Outcome TrainingLoop::run() {
  task::TrainingBatches batches(data_, plan_);
  while (true) {
    if (settings_.loop.max_steps > 0 && state_.step >= settings_.loop.max_steps) {
      save(false);
      return end(Outcome::kStepLimit);
    }
    const StepResult result = one_step(batches);
    const bool epoch_ended = state_.step % order_.steps_per_epoch() == 0;
    const bool improved = epoch_ended && validate();
    state_.finished = state_.step == plan_.end_step || stopping_.should_stop();
    if (state_.finished || result.stop || improved || checkpoint_is_due(epoch_ended)) save(improved);
    if (!state_.finished && !result.stop) continue;
    if (state_.finished && state_.step < plan_.end_step)
      log::info("stopping early: no lower validation loss for {} epochs", settings_.loop.patience);
    return end(state_.finished ? Outcome::kFinished : Outcome::kInterrupted);
  }
}

Outcome TrainingLoop::end(Outcome outcome) {
  finish_saving();
  log_summary();
  fault::at("end", comm_.rank(), state_.step);
  return outcome;
}

StepResult TrainingLoop::one_step(task::TrainingBatches& batches) {
  const auto section = watchdog_.section("step", comm::Watchdog::Seconds(settings_.route.timeout), state_.step);
  const auto begin = Clock::now();
  const std::int64_t step = state_.step;
  const double lr = schedule_.at(step);
  const auto samples = static_cast<std::int64_t>(order_.global_samples(step));
  const StepResult result =
      stepper_.run({.step = step,
                    .lr = lr,
                    .global_samples = samples,
                    .stop = [&] { return stop_is_due(begin); },
                    .batch = [&](int micro, const Tensor& out) { return next_batch(batches, step, micro, out); }});
  ++state_.step;
  state_.updates = optimizer_.updates();
  skip_or_give_up(result);
  if (settings_.loop.check_replicas_every > 0 && state_.step % settings_.loop.check_replicas_every == 0)
    run::check_replicas(comm_, model_.parameters(), state_.step);

  const double seconds = seconds_since(begin);
  longest_step_ = std::max(longest_step_, seconds);
  interval_.add(result, samples, seconds);
  total_.add(result, samples, seconds);
  if (log_) loss_watch_.add(state_.step, result.loss);
  const bool epoch_ended = state_.step % order_.steps_per_epoch() == 0;
  if (state_.step % settings_.loop.log_every == 0 || epoch_ended) log_interval(result, lr);
  show_progress(result);
  return result;
}

task::MicroBatch TrainingLoop::next_batch(task::TrainingBatches& batches, std::int64_t step, int micro,
                                          const Tensor& out) const {
  task::MicroBatch batch = batches.next(step, micro, out);
  if (data_.task.is_reconstruction) weigh_hidden_values(batch, step);
  carry_out(fault::at("step.batch", comm_.rank(), step), batch);
  return batch;
}

// Each hidden value has the same share in the loss of the global batch; equal on all ranks.
void TrainingLoop::weigh_hidden_values(task::MicroBatch& batch, std::int64_t step) const {
  models::Pass pass{.training = true, .seed = settings_.step.batches.seed, .step = step, .want = objective_.wants()};
  for (std::int64_t sample = 0; sample < static_cast<std::int64_t>(order_.global_samples(step)); ++sample)
    pass.samples.push_back(sample);
  double hidden = 0;
  for (const double values : model_.hidden_values(pass)) hidden += values;
  batch.weights.assign(batch.samples.size(), static_cast<float>(1.0 / hidden));
  batch.targets.assign(batch.samples.size(), 0.0f);
}

void TrainingLoop::skip_or_give_up(const StepResult& result) {
  if (result.updated) {
    state_.not_finite_in_a_row = 0;
    return;
  }
  ++state_.not_finite_in_a_row;
  if (comm_.rank() == 0)
    log::warn("step {}: loss {} or gradient norm {} is not finite; the update was skipped on all ranks", state_.step,
              result.loss, result.gradient_norm);
  if (state_.not_finite_in_a_row < settings_.loop.max_not_finite) return;
  finish_saving();
  log_spikes();
  throw NonFiniteError(
      fmt::format("step {}: loss or gradients were not finite in {} steps in a row; the last good "
                  "checkpoint is step {}: try a lower optimizer.lr, optimizer.clip_norm=1 or precision=fp32",
                  state_.step, state_.not_finite_in_a_row, saved_step_));
}

void TrainingLoop::log_interval(const StepResult& last, double lr) {
  const Interval done = std::exchange(interval_, {});
  warn_of_slow_ranks(done);
  if (!log_) return;
  run::LogRecord record{.step = state_.step,
                        .epoch = current_epoch(),
                        .split = "train",
                        .loss = done.loss / static_cast<double>(done.steps),
                        .values = {{"lr", lr},
                                   {"grad_norm", last.gradient_norm},
                                   {"samples_per_s", static_cast<double>(done.samples) / done.seconds},
                                   {"data_wait_s", done.data_seconds},
                                   {"exposed_comm_s", done.reduce_seconds}}};
  std::vector<double> terms = done.terms;
  for (double& term : terms) term /= static_cast<double>(done.steps);
  record.values.merge(objective_.describe_terms(terms));
  log_->write(record);
  if (!on_terminal_) log::info("{}", run::line_of(record));
}

// Collective.
void TrainingLoop::warn_of_slow_ranks(const Interval& done) {
  const RankTime mine{.own = done.seconds - done.reduce_seconds, .data = done.data_seconds};
  const auto all = comm::gather_in_order<RankTime>(comm_, std::span(&mine, 1));
  if (comm_.rank() != 0) return;
  for (const std::string& line : describe_slow_ranks(all, done.steps)) log::warn("{}", line);
}

void TrainingLoop::show_progress(const StepResult& last) {
  if (!on_terminal_) return;
  const std::int64_t in_epoch = (state_.step - 1) % order_.steps_per_epoch() + 1;
  if (!progress_) progress_.emplace(fmt::format("steps of epoch {}", current_epoch()), order_.steps_per_epoch());
  progress_->update(in_epoch, fmt::format("loss {:.4g}", last.loss));
  if (in_epoch == order_.steps_per_epoch()) progress_.reset();
}

bool TrainingLoop::validate() {
  const std::vector<std::size_t>& subjects = data_.part(task::Part::kVal);
  if (subjects.empty()) return false;
  // Each window may take as long as a step.
  const double limit = settings_.route.timeout * static_cast<double>(1 + subjects.size());
  const auto section = watchdog_.section("validation", comm::Watchdog::Seconds(limit), state_.step);
  fault::at("validation", comm_.rank(), state_.step);
  const task::Score result = validate_model(model_, objective_, data_, subjects, settings_.validation, comm_);
  if (log_) {
    const run::LogRecord record{
        .step = state_.step, .epoch = current_epoch(), .split = "val", .loss = result.loss, .values = result.metrics};
    log_->write(record);
    log::info("{}", run::line_of(record));
  }
  const bool improved = stopping_.update(result.loss);
  state_.stopping = stopping_.state();
  return improved;
}

void TrainingLoop::save(bool is_best) {
  if (saved_step_ == state_.step && !is_best) return;
  const auto section = watchdog_.section("checkpoint", comm::Watchdog::Seconds(settings_.route.timeout), state_.step);
  const auto begin = Clock::now();
  checkpoints_.save(state_.step, to_json(state_), model_.parameters(), optimizer_, metadata_, is_best);
  const double seconds = seconds_since(begin);
  saved_step_ = state_.step;
  longest_save_ = std::max({longest_save_, seconds, checkpoints_.written().longest});
  save_seconds_ += seconds;
}

void TrainingLoop::finish_saving() {
  const auto section = watchdog_.section("checkpoint", comm::Watchdog::Seconds(settings_.route.timeout), state_.step);
  const auto begin = Clock::now();
  checkpoints_.finish();
  save_seconds_ += seconds_since(begin);
}

bool TrainingLoop::checkpoint_is_due(bool epoch_ended) const {
  return settings_.loop.checkpoint_every > 0 ? state_.step % settings_.loop.checkpoint_every == 0 : epoch_ended;
}

// Asked at the end of the step that began at `begin`: by a signal, by a save that failed, or because two steps and two
// checkpoints, each as long as the longest so far, might not fit any more.
bool TrainingLoop::stop_is_due(Clock::time_point begin) const {
  const double longest = std::max(longest_step_, seconds_since(begin));
  return settings_.stop_requested() || checkpoints_.save_failed() || time_limit_.is_near(2 * (longest + longest_save_));
}

void TrainingLoop::log_spikes() const {
  if (const auto spikes = loss_watch_.report()) log::warn("{}", *spikes);
}

void TrainingLoop::log_summary() const {
  if (total_.steps == 0) return;
  log_spikes();
  const double wall = seconds_since(start_);
  log::info("{} steps in {:.1f} s: {:.3g} samples/s, waiting for data {:.1f} s, exposed communication {:.1f} s",
            total_.steps, wall, static_cast<double>(total_.samples) / total_.seconds, total_.data_seconds,
            total_.reduce_seconds);
  const run::CheckpointStore::Written& written = checkpoints_.written();
  log::info("checkpoints: {}, the loop stood still {:.2f} s ({:.2f} %), written in {:.2f} s", written.count,
            save_seconds_, 100.0 * save_seconds_ / wall, written.seconds);
}

}  // namespace brainmt::train
