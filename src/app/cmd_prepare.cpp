// `brainmt prepare`: NIfTI scans into one cohort store, or a shard of it, by all ranks together.
#include <fmt/format.h>

#include <array>
#include <optional>

#include "app/command_table.hpp"
#include "base/log.hpp"
#include "base/progress.hpp"
#include "base/version.hpp"
#include "config/keys.hpp"
#include "prepare/prepare.hpp"
#include "prepare/report.hpp"
#include "run/outputs.hpp"

namespace brainmt::app {
namespace {

// A progress line for each stage.
class StageProgress {
 public:
  explicit StageProgress(bool enabled) : enabled_(enabled) {}

  void update(prepare::Stage stage, std::size_t done, std::size_t total) {
    if (stage != stage_ || !progress_) {
      constexpr std::array kNames{"headers", "scans prepared", "scans copied"};
      stage_ = stage;
      progress_.emplace(kNames[static_cast<std::size_t>(stage)], static_cast<std::int64_t>(total), enabled_);
    }
    progress_->update(static_cast<std::int64_t>(done));
  }

 private:
  bool enabled_;
  prepare::Stage stage_ = prepare::Stage::kHeaders;
  std::optional<Progress> progress_;
};

std::string_view plural(std::size_t count) { return count == 1 ? "" : "s"; }

// Scans without a row are left out without an error. Where they are most of all, prepare() has warned with examples.
void warn_of_losses(const prepare::PrepareSummary& summary) {
  if (summary.overlooked > 0) {
    log::warn("{} file{} or folder{}{} may hold scans and were not read (see \"left out\"); {} says what to do",
              summary.overlooked, plural(summary.overlooked), plural(summary.overlooked),
              summary.overlooked > summary.used ? ", more than there are scans," : "", summary.report.string());
  }
  if (summary.bad > 0)
    log::warn("{} scan{} could not be used; {} says why", summary.bad, plural(summary.bad), summary.report.string());
  if (summary.unlisted > 0 && 2 * summary.unlisted <= summary.found())
    log::warn("{} of {} scans have no row in the table and are not used; {} lists them", summary.unlisted,
              summary.found(), summary.report.string());
}

run::CohortContent content_of(const prepare::PrepareConfig& settings) {
  if (settings.list.reads_tables()) return run::CohortContent::kParcelsOfTables;
  return settings.atlas ? run::CohortContent::kParcelsOfImages : run::CohortContent::kVoxels;
}

// A cohort is replaced by one of other scans or options too: what it holds can be made again from the scans. Not by one
// of other content: voxels, parcels of images or of tables, or what 'parcellate' made.
run::Outputs outputs_of(const CommandContext& context, const std::filesystem::path& output,
                        std::optional<run::CohortContent> content) {
  return {.files = {{"output", output, run::cohort_kind(content)},
                    {"output", prepare::report_path(output), run::prepare_report_kind()}},
          .overwrite = context.has("overwrite")};
}

ExitCode merge(CommandContext& context) {
  const std::filesystem::path output = context.config.get<std::string>("output");
  const auto of = context.config.get<std::int64_t>("merge");
  run::Outputs outputs = outputs_of(context, output, run::content_of_cohort(prepare::shard_path(output, {1, of})));
  for (std::int64_t number = 1; number <= of; ++number)
    outputs.inputs.push_back(prepare::shard_path(output, {number, of}));
  run::check_outputs(outputs, context.comm);
  const auto summary = prepare::merge_shards(output, of, context.comm);
  if (context.is_root()) {
    fmt::print("{}: {} scans in {} shards; report {}\n", output.string(), summary.scans, summary.shards,
               summary.report.string());
  }
  return ExitCode::kDone;
}

ExitCode run(CommandContext& context) {
  if (context.config.get<std::int64_t>("merge") > 0) return merge(context);
  auto settings = prepare::PrepareConfig::from_config(context.config);
  settings.provenance = fmt::format("brainmt {} ({})", version(), git_revision());
  run::Outputs outputs =
      outputs_of(context, prepare::shard_path(settings.output, settings.shard), content_of(settings));
  outputs.inputs = {settings.table()};
  if (!settings.scratch.empty()) outputs.folders.push_back({"scratch", settings.scratch, {}});
  run::check_outputs(outputs, context.comm);
  StageProgress progress(context.is_root());
  const auto summary = prepare::prepare(
      settings, context.mpi,
      [&](prepare::Stage stage, std::size_t done, std::size_t total) { progress.update(stage, done, total); });
  if (!context.is_root()) return ExitCode::kDone;
  if (summary.already_complete) {
    fmt::print("{}: complete already, nothing to do\n", summary.output.string());
    return ExitCode::kDone;
  }
  warn_of_losses(summary);
  fmt::print("{}", prepare::summary_text(summary));
  if (context.config.get<bool>("timing")) {
    int ranks = 1;
    MPI_Comm_size(context.mpi, &ranks);
    fmt::print("{}", prepare::times_text(summary.times, ranks));
  }
  return ExitCode::kDone;
}

}  // namespace

Command prepare_command() {
  return {.name = "prepare",
          .summary = "NIfTI scans into one parallel HDF5 cohort, with a report of what was used and why not",
          .schema = config::prepare_schema,
          .run = run,
          .options = {overwrite_option()},
          .computes = never_computes,
          .continues = true};
}

}  // namespace brainmt::app
