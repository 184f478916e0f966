// `brainmt synth`: a synthetic cohort; the ranks share the subjects.
#include <fmt/format.h>

#include "app/command_table.hpp"
#include "base/progress.hpp"
#include "comm/agreement.hpp"
#include "config/keys.hpp"
#include "synth/cohort.hpp"
#include "synth/cohort_files.hpp"

namespace brainmt::app {
namespace {

synth::SynthConfig settings_of(const config::Config& config) {
  const auto grid = config.get<std::vector<std::int64_t>>("grid");
  return {.out = config.get<std::string>("out"),
          .subjects = config.get<int>("subjects"),
          .grid = {static_cast<int>(grid[0]), static_cast<int>(grid[1]), static_cast<int>(grid[2])},
          .frames = config.get<int>("frames"),
          .tr = config.get<double>("tr"),
          .seed = static_cast<std::uint64_t>(config.get<std::int64_t>("seed")),
          .layout = synth::parse_layout(config.get<std::string>("layout")),
          .runs = config.get<int>("runs"),
          .dtype = synth::parse_voxel_type(config.get<std::string>("dtype")),
          .planted = synth::parse_planted(config.get<std::string>("planted")),
          .sex_effect = config.get<double>("sex_effect"),
          .cognition_effect = config.get<double>("cognition_effect"),
          .fluctuation = config.get<double>("fluctuation"),
          .noise = config.get<double>("noise"),
          .lag_seconds = config.get<double>("lag_seconds")};
}

ExitCode run(CommandContext& context) {
  const synth::SynthConfig settings = settings_of(context.config);
  const int ranks = context.comm.size();
  Progress progress("subjects of this rank", (settings.subjects + ranks - 1) / ranks, context.is_root());
  comm::run_agreed(context.comm, [&] {
    synth::generate_cohort(settings, context.comm.rank(), ranks, [&](int done, int) { progress.update(done); });
  });
  if (context.is_root()) {
    fmt::print("{}: {} scans and {}\n", settings.out.string(), settings.subjects * synth::runs_of(settings),
               synth::table_name(settings.layout));
  }
  return ExitCode::kDone;
}

}  // namespace

Command synth_command() {
  return {.name = "synth",
          .summary = "makes a synthetic cohort of NIfTI scans with a planted temporal signal, and their table",
          .schema = config::synth_schema,
          .run = run,
          .computes = never_computes};
}

}  // namespace brainmt::app
