// `brainmt train`: trains a model on a cohort, or continues the run that is in run.dir.
#include <fmt/format.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analysis/baseline_run.hpp"
#include "app/build_info.hpp"
#include "app/command_table.hpp"
#include "base/signals.hpp"
#include "baselines/fc_people.hpp"
#include "comm/agreement.hpp"
#include "config/keys.hpp"
#include "io/checksum.hpp"
#include "run/run_keys.hpp"
#include "run/schemas.hpp"
#include "task/split_text.hpp"
#include "train/trainer.hpp"

namespace brainmt::app {
namespace {

std::string_view text_of(train::Outcome outcome) {
  switch (outcome) {
    case train::Outcome::kFinished:
      return "finished";
    case train::Outcome::kAlreadyFinished:
      return "was finished before";
    case train::Outcome::kStepLimit:
      return "stopped at run.max_steps; a larger one continues";
    case train::Outcome::kInterrupted:
      return "interrupted after a complete checkpoint; run the same command to continue";
  }
  return "";
}

// Before the first step, so that hours of training do not end in it.
void check_baselines(const config::Config& config) {
  const std::string run_dir = config.get<std::string>("run.dir"), fc = config.get<std::string>("data.fc");
  if (run::is_baseline(run_dir))
    throw UsageError(fmt::format("run.dir={}: holds a model of 'brainmt baseline': choose another folder", run_dir));
  if (!fc.empty() && !config.get<bool>("with_baselines"))
    throw UsageError("data.fc: it is for the baselines of a run: give --with-baselines too, or leave it out");
  if (config.get<bool>("with_baselines")) analysis::check_baseline_task(config);
  if (!fc.empty()) baselines::check_is_connectivity(fc);
}

// Of a file of connectivity that these people will need after training.
void check_fc(const config::Config& config, const train::TrainSettings& settings, const io::Cohort& cohort) {
  const std::string fc = config.get<std::string>("data.fc");
  if (fc.empty() || !config.get<bool>("with_baselines")) return;
  const task::TrainingData data =
      task::prepare_training_data(cohort, settings.task, settings.split, settings.model.frames);
  const std::string text = task::split_text(data.split);
  std::vector<std::string> hashes{io::sha256(std::as_bytes(std::span(text)))};
  if (!settings.split.file.empty()) hashes.push_back(io::sha256_of_file(settings.split.file));
  baselines::check_connectivity(fc, data, "test", hashes);
}

ExitCode run(CommandContext& context) {
  comm::run_agreed(context.comm, [&] {
    if (context.is_root()) check_baselines(context.config);
  });
  train::TrainSettings settings = train::TrainSettings::from_config(context.config, context.comm.size());
  settings.stop_requested = stop_requested;
  settings.start.overrides = context.overrides;
  settings.start.libraries = library_versions();

  std::optional<io::Cohort> cohort;
  comm::run_agreed(context.comm, [&] {
    cohort.emplace(context.config.get<std::string>("data.cohort"),
                   io::ReadSettings::from_config(context.config, context.mpi));
  });
  comm::run_agreed(context.comm, [&] {
    if (context.is_root() && context.config.get<bool>("data.verify")) cohort->verify();
    if (context.is_root()) check_fc(context.config, settings, *cohort);
    if (context.is_root() && context.dry_run) fmt::print("{}", train::describe(settings, *cohort, context.comm.size()));
  });
  if (context.dry_run) return ExitCode::kDone;

  const train::Outcome outcome = train::train(settings, *cohort, context.comm);
  if (context.is_root()) fmt::print("{}: {}\n", settings.run_dir.string(), text_of(outcome));
  const bool is_complete = outcome == train::Outcome::kFinished || outcome == train::Outcome::kAlreadyFinished;
  if (is_complete && context.config.get<bool>("with_baselines")) {
    on_stop(OnStop::kEnd, {.speaks = context.is_root(), .has_other_ranks = context.comm.size() > 1});
    analysis::run_baselines_of(settings.run_dir.string(), context.config.get<std::string>("data.fc"), context.comm,
                               {.overrides = context.overrides, .libraries = library_versions()});
  }
  return outcome == train::Outcome::kInterrupted ? ExitCode::kInterrupted : ExitCode::kDone;
}

}  // namespace

Command train_command() {
  return {.name = "train",
          .summary = "train, or continue an unfinished run of the same configuration",
          .schema = run::train_schema,
          .run = run,
          .options = {{"with-baselines", "", "the same as with_baselines=true", "with_baselines=true"}},
          .has_dry_run = true,
          .stops_itself = [](const std::vector<std::string>&) { return true; }};
}

}  // namespace brainmt::app
