// `brainmt prepare`: NIfTI scans into one cohort store, by all ranks together.
#include <fmt/format.h>

#include <array>
#include <optional>

#include "app/command_table.hpp"
#include "base/log.hpp"
#include "base/progress.hpp"
#include "base/version.hpp"
#include "config/keys.hpp"
#include "prepare/prepare.hpp"

namespace brainmt::app {
namespace {

prepare::PrepareConfig settings_of(const config::Config& config) {
  return {.input = config.get<std::string>("input"),
          .output = config.get<std::string>("output"),
          .pattern = config.get<std::string>("pattern"),
          .phenotypes = config.get<std::string>("phenotypes"),
          .id_column = config.get<std::string>("id_column"),
          .normalize = prepare::parse_normalize(config.get<std::string>("normalize")),
          .min_frames = config.get<int>("min_frames"),
          .max_bad = config.get<double>("max_bad"),
          .provenance = fmt::format("brainmt {} ({})", version(), git_revision())};
}

// A progress line for each stage, of this rank's share.
class StageProgress {
 public:
  explicit StageProgress(bool enabled) : enabled_(enabled) {}

  void update(prepare::Stage stage, std::size_t done, std::size_t share) {
    if (stage != stage_ || !progress_) {
      constexpr std::array kNames{"headers", "scans surveyed", "scans written"};
      stage_ = stage;
      progress_.emplace(kNames[static_cast<std::size_t>(stage)], static_cast<std::int64_t>(share), enabled_);
    }
    progress_->update(static_cast<std::int64_t>(done));
  }

 private:
  bool enabled_;
  prepare::Stage stage_ = prepare::Stage::kHeaders;
  std::optional<Progress> progress_;
};

ExitCode run(CommandContext& context) {
  const prepare::PrepareConfig settings = settings_of(context.config);
  StageProgress progress(context.is_root());
  const auto summary = prepare::prepare(
      settings, context.mpi,
      [&](prepare::Stage stage, std::size_t done, std::size_t share) { progress.update(stage, done, share); });
  if (!context.is_root()) return ExitCode::kDone;
  if (summary.bad > 0) log::warn("{} scans could not be used; {} says why", summary.bad, summary.report.string());
  fmt::print("{}: {} scans, {} frames of {} voxels; {} bad, {} not in the table; report {}\n", settings.output.string(),
             summary.used, summary.frames, summary.voxels, summary.bad, summary.unlisted, summary.report.string());
  return ExitCode::kDone;
}

}  // namespace

Command prepare_command() {
  return {.name = "prepare",
          .summary = "NIfTI scans into one parallel HDF5 cohort, with a report of what was used and why not",
          .schema = config::prepare_schema,
          .run = run};
}

}  // namespace brainmt::app
