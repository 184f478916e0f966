#include "train/trainer.hpp"

#include <fmt/ranges.h>

#include <atomic>
#include <optional>
#include <utility>

#include "base/fault.hpp"
#include "base/log.hpp"
#include "comm/agreement.hpp"
#include "comm/watchdog.hpp"
#include "io/checksum.hpp"
#include "io/directory_lock.hpp"
#include "io/quarantine.hpp"
#include "run/data_origin.hpp"
#include "task/reconstruction.hpp"
#include "task/series.hpp"
#include "task/window_stream.hpp"
#include "train/shared_algorithms.hpp"
#include "train/training_loop.hpp"
#include "train/warm_up.hpp"

namespace brainmt::train {
namespace {

run::TrainState new_state(const TrainSettings& settings, const task::TrainingData& data, int ranks) {
  const io::Cohort& cohort = data.data.cohort();
  std::vector<std::size_t> scans;
  for (const task::Subject& subject : data.data.subjects())
    scans.insert(scans.end(), subject.scans.begin(), subject.scans.end());
  return {.identity = settings.identity,
          .data_sha256 = data.sha256,
          .voxels_sha256 = cohort.voxels_digest(scans),
          .data = run::describe_origin(run::origin_of(cohort)),
          .global_batch = std::int64_t{ranks} * settings.step.batches.batch_size * settings.step.batches.accumulate,
          .ranks = ranks};
}

// A cohort that lost scans since the run began is the usual reason for other data.
std::string quarantine_note(const io::Cohort& cohort, const std::filesystem::path& run_dir) {
  if (cohort.quarantined() == 0) return "";
  return fmt::format(
      " ('{}' takes {} of its scans out of use: when it was made after the run began, either repair the cohort and "
      "remove the "
      "list, or begin a new run with the same participants in each part: another run.dir and data.split_file={})",
      io::quarantine_file(cohort.path()).string(), cohort.quarantined(), (run_dir / "split.json").string());
}

// A cohort that was made again under its name. With settings.allow_mismatch the run continues on it, and says so in its
// weights and in its log from then on.
void check_voxels(const TrainSettings& settings, run::TrainState& state, const run::TrainState& fresh,
                  const io::Cohort& cohort) {
  if (state.voxels_sha256.empty())
    log::info(
        "{}: the run began before the content of cohorts was kept: it is not known whether '{}' still holds the same",
        settings.run_dir.string(), cohort.path().string());
  const std::vector<std::string> differences = run::differing_voxels(state, fresh);
  if (!differences.empty() && !settings.allow_mismatch)
    throw DataError(fmt::format(
        "run.dir={} was trained on another content of the cohort '{}': {}: bring the former cohort back, or "
        "begin a new run in another run.dir; data.allow_mismatch=true continues on this one all the same",
        settings.run_dir.string(), cohort.path().string(), fmt::join(differences, "; ")));
  run::DataOrigin origin = run::origin_of(cohort);
  if (const auto before = run::described_origin(state.data)) origin.mismatches = before->mismatches;
  origin.mismatches.insert(origin.mismatches.end(), differences.begin(), differences.end());
  state.voxels_sha256 = fresh.voxels_sha256;
  state.data = run::describe_origin(origin);
}

// Initial state, and whether it comes from a checkpoint.
std::pair<run::TrainState, bool> resume_or_start(const TrainSettings& settings, const run::TrainState& fresh,
                                                 const run::CheckpointStore& checkpoints, const io::Cohort& cohort) {
  const auto found = checkpoints.find_newest();
  if (!found) return {fresh, false};
  run::TrainState state = run::state_from_json(found->state);
  BRAINMT_CHECK(state.step == found->step, "state.json of step {} says {}", found->step, state.step);
  run::check_same_run(state, fresh, settings.run_dir.string(), quarantine_note(cohort, settings.run_dir),
                      settings.step.batches.by_sample);
  check_voxels(settings, state, fresh, cohort);
  if (state.ranks != fresh.ranks && !settings.step.batches.by_sample)
    log::info("continuing with {} ranks what {} ranks began: sums round differently; deterministic=world would not",
              fresh.ranks, state.ranks);
  // Deterministic modes aside, which ranks there are is not part of what the run is.
  state.ranks = fresh.ranks;
  return {std::move(state), true};
}

void log_data(const task::TrainingData& training) {
  const task::Dataset& data = training.data;
  const bool confounds = !data.columns().confounds.empty();
  log::info("{} subjects ({} train, {} val, {} test); left out: {} without {}, {}{} without a long enough scan",
            data.subjects().size(), training.part(task::Part::kTrain).size(), training.part(task::Part::kVal).size(),
            training.part(task::Part::kTest).size(), data.without_label(), task::names_of(data.targets()),
            confounds ? fmt::format("{} without a confound, ", data.without_confounds()) : "", data.too_short());
  if (training.task.is_multitask)
    for (std::size_t k = 0; k < training.outputs(); ++k)
      log::info("target {}: {}, {} subjects without it", data.targets()[k].name, name_of(data.targets()[k].task),
                data.missing(k));
  if (!data.columns().group.empty() && data.without_group() > 0)
    log::info("{} subjects without {}: each a group of its own in the split", data.without_group(),
              data.columns().group);
  for (const std::string& warning : training.warnings) log::warn("{}", warning);
}

std::vector<std::string> hosts_of(comm::Communicator& comm) {
  const std::string mine = run::host_name();
  std::vector<std::string> hosts;
  for (const auto& host : comm.all_gather_bytes(std::as_bytes(std::span(mine))))
    hosts.emplace_back(reinterpret_cast<const char*>(host.data()), host.size());
  return hosts;
}

// Collective.
run::StartRecord start_record(const TrainSettings& settings, const task::TrainingData& data, comm::Communicator& comm,
                              const run::TrainState& state) {
  run::StartRecord record = settings.start;
  record.hosts = hosts_of(comm);
  record.data_sha256 = data.sha256;
  record.voxels_sha256 = state.voxels_sha256;
  record.data = state.data;
  record.first_step = state.step;
  record.task = task::describe_task(data.task);
  return record;
}

}  // namespace

LoopSettings LoopSettings::from_config(const config::Config& config) {
  return {.max_steps = config.get<std::int64_t>("run.max_steps"),
          .patience = config.get<int>("early_stopping.patience"),
          .checkpoint_every = config.get<std::int64_t>("checkpoint.every_steps"),
          .check_replicas_every = config.get<std::int64_t>("run.check_replicas_every"),
          .loss_spike = config.get<double>("log.loss_spike"),
          .log_every = config.get<std::int64_t>("log.every_steps")};
}

TrainSettings TrainSettings::from_config(const config::Config& config, int ranks) {
  TrainSettings s{.run_dir = config.get<std::string>("run.dir"),
                  .task = task::TaskSettings::from_config(config),
                  .split = task::SplitSettings::from_config(config),
                  .model = models::plan_of(config),
                  .normalize = models::normalization_named(config.get<std::string>("data.normalize")),
                  .activation = models::precision_from_config(config),
                  .init = InitSettings::from_config(config),
                  .step = StepSettings::from_config(config, ranks),
                  .optimizer = nn::AdamWSettings::from_config(config),
                  .schedule = ScheduleSettings::from_config(config),
                  .route = RouteSettings::from_config(config),
                  .loop = LoopSettings::from_config(config),
                  .time_limit = TimeLimitSettings::from_config(config),
                  .checkpoint = run::CheckpointStore::Settings::from_config(config),
                  .validation = {},
                  .algorithms = config.get<bool>("device.tune") ? dnn::algorithms() : nullptr,
                  .allow_mismatch = config.get<bool>("data.allow_mismatch"),
                  .start = run::StartRecord::from_config(config, ranks),
                  .identity = config.identity()};
  s.validation = PredictSettings::from_config(config, s.step.batches.batch_size);
  // The grouping of windows into batches affects the last bits of outputs, and depends on the ranks.
  if (s.step.batches.by_sample) s.validation.batch = 1;
  return s;
}

Outcome train(const TrainSettings& settings, const io::Cohort& cohort, comm::Communicator& comm) {
  // A hang ends the process without destructors: the lock names it no longer, so that another host can continue.
  std::optional<io::DirectoryLock> lock;
  std::optional<run::StartingRun> directory;  // of rank 0
  std::atomic<io::DirectoryLock*> held{nullptr};
  comm::Watchdog watchdog(comm.rank(), [&held](const comm::Watchdog::Report& report) {
    if (io::DirectoryLock* const mine = held) mine->release();
    comm::Watchdog::print_and_end_job(report);
  });
  std::optional<comm::Watchdog::Section> starting =
      watchdog.section("start", comm::Watchdog::Seconds(settings.route.timeout));
  fault::at("start", comm.rank(), 0);
  comm::run_agreed(comm, [&] {
    task::check_input(settings.model.family, settings.model.input, cohort);
    if (settings.task.is_reconstruction() && cohort.parcels() == nullptr)
      throw UsageError(
          fmt::format("task=reconstruction is for models of parcel series, such as model=brainlm_13m; "
                      "model.family={} predicts a target",
                      settings.model.family));
    if (comm.rank() != 0) return;
    directory.emplace(settings.run_dir);
    held = &lock.emplace(settings.run_dir, "run.dir");
    directory->watch();
  });
  std::optional<task::TrainingData> data;
  comm::run_agreed(comm, [&] {
    data.emplace(task::prepare_training_data(cohort, settings.task, settings.split, settings.model.frames));
  });
  run::CheckpointStore checkpoints(comm, settings.run_dir / "checkpoints", settings.checkpoint);
  auto [state, resumed] = resume_or_start(settings, new_state(settings, *data, comm.size()), checkpoints, cohort);
  if (state.finished) {
    log::info("{}: the run is complete (step {}); nothing to do", settings.run_dir.string(), state.step);
    if (directory) directory->keep();
    return Outcome::kAlreadyFinished;
  }
  run::StartRecord start = start_record(settings, *data, comm, state);
  comm::run_agreed(comm, [&] {
    if (comm.rank() != 0) return;
    task::save_split(data->split, settings.run_dir / "split.json");
    start.split_sha256 = io::sha256_of_file(settings.run_dir / "split.json");
    run::write_start_record(settings.run_dir, start);
    log::add_file((settings.run_dir / "log.txt").string());
    log_data(*data);
    const task::BatchSettings& batches = settings.step.batches;
    if (batches.micro_batch() < batches.batch_size)
      log::info("deterministic=world computes each sample by itself: run.batch_size={} saves no time",
                batches.batch_size);
    if (resumed) log::info("continuing from step {}", state.step);
    if (const auto origin = run::described_origin(state.data))
      for (const std::string& mismatch : origin->mismatches)
        log::warn("data.allow_mismatch: the run began on other data: {}", mismatch);
  });
  fault::at("load", comm.rank(), state.step);

  const std::unique_ptr<task::Objective> objective =
      data->task.is_reconstruction ? task::reconstruction() : task::supervised(data->task);
  models::DataSpec spec = task::data_spec(settings.model, cohort, data->outputs());
  if (cohort.parcels() != nullptr)
    comm::run_agreed(comm, [&] {
      spec.normalization = task::fit_normalization(cohort, data->scans_of(task::Part::kTrain), settings.normalize);
    });
  const auto made = settings.model.make(spec, settings.activation, models::Model::Memory::kSizesOnly);
  models::Model& model = *made;
  objective->declare(model.parameters());
  model.parameters().allocate();
  freeze(model, settings.init.freeze);
  TrainingLoop loop(settings, *data, model, *objective, checkpoints, comm, watchdog, std::move(state), resumed);
  if (settings.algorithms != nullptr)
    share_algorithms(comm, settings.run_dir, *settings.algorithms, [&] {
      warm_up(model, settings.step.batches.micro_batch(), settings.validation.batch, settings.activation);
    });
  starting.reset();
  if (directory) directory->keep();
  return loop.run();
}

}  // namespace brainmt::train
