// `brainmt parcellate`: mean series of an atlas' parcels, from a cohort of voxels or one image.
#include <fmt/format.h>

#include <filesystem>
#include <optional>

#include "app/command_table.hpp"
#include "base/log.hpp"
#include "base/progress.hpp"
#include "base/version.hpp"
#include "comm/agreement.hpp"
#include "config/keys.hpp"
#include "parcels/bids_series.hpp"
#include "parcels/parcellate.hpp"
#include "run/outputs.hpp"

namespace brainmt::app {
namespace {

namespace fs = std::filesystem;

void print_summary(const parcels::ParcellateSummary& summary, const fs::path& written) {
  for (const std::string& note : summary.notes) log::info("{}", note);
  for (const std::string& warning : summary.warnings) log::warn("{}", warning);
  if (!summary.missing.empty()) log::warn("{}", summary.missing);
  if (summary.quarantined > 0) log::warn("{} scans in quarantine are left out", summary.quarantined);
  if (!summary.atlas.empty()) fmt::print("{:<18}{}\n", "atlas", summary.atlas);
  fmt::print("{:<18}{}\n{:<18}{}\n{:<18}{}\n", "scans", summary.scans, "parcels", summary.parcels,
             summary.was_complete ? "was complete" : "written", written.string());
}

run::Outputs outputs_of(const CommandContext& context, const fs::path& out) {
  return {.files = {{"out", out, run::parcel_cohort_kind()}}, .overwrite = context.has("overwrite")};
}

parcels::ParcellateSummary merge(CommandContext& context, const fs::path& out) {
  const auto of = static_cast<std::size_t>(context.config.get<std::int64_t>("merge"));
  run::Outputs outputs = outputs_of(context, out);
  for (std::size_t k = 1; k <= of; ++k) outputs.inputs.push_back(parcels::shard_path(out, {k, of}));
  run::check_outputs(outputs, context.comm);
  return parcels::merge_parcel_shards(out, of, outputs.overwrite, context.mpi);
}

parcels::ParcellateSummary from_image(CommandContext& context, const parcels::ParcellateSettings& settings,
                                      const fs::path& out) {
  run::check_outputs({.folders = {{"out", out, {}}}}, context.comm);
  parcels::ParcellateSummary summary;
  comm::run_agreed(context.comm, [&] {
    if (context.is_root()) summary = parcels::parcellate_image(settings, context.config.get<std::string>("input"), out);
  });
  return summary;
}

parcels::ParcellateSummary from_cohort(CommandContext& context, const parcels::ParcellateSettings& settings,
                                       const fs::path& out) {
  const fs::path path = context.config.get<std::string>("data.cohort");
  const bool bids = context.config.get<std::string>("format") == "bids";
  if (bids) {
    run::check_outputs({.folders = {{"out", out, {}}}}, context.comm);
    comm::run_agreed(context.comm, [&] {
      if (context.is_root() && !parcels::is_own_folder(out))
        throw UsageError(fmt::format("out={}: the folder holds other files: choose a new one", out.string()));
    });
  } else {
    run::Outputs outputs = outputs_of(context, parcels::shard_path(out, settings.shard));
    outputs.inputs = {path, settings.atlas.labels, settings.weights};
    run::check_outputs(outputs, context.comm);
  }
  std::optional<io::Cohort> cohort;
  comm::run_agreed(context.comm, [&] { cohort.emplace(path); });
  Progress bar("scans", static_cast<std::int64_t>(cohort->scans().size()), context.is_root());
  const auto progress = [&](std::size_t taken, std::size_t) { bar.update(static_cast<std::int64_t>(taken)); };
  return bids ? parcels::parcellate_to_bids(settings, *cohort, out, context.mpi, progress)
              : parcels::parcellate_cohort(settings, *cohort, out, context.mpi, progress);
}

ExitCode run(CommandContext& context) {
  const config::Config& config = context.config;
  const fs::path out = config.get<std::string>("out");
  if (config.get<std::int64_t>("merge") > 0) {
    const auto summary = merge(context, out);
    if (context.is_root()) print_summary(summary, out);
    return ExitCode::kDone;
  }
  auto settings = parcels::ParcellateSettings::from_config(config);
  settings.program = fmt::format("brainmt {} ({})", version(), git_revision());
  settings.overwrite = context.has("overwrite");
  const auto summary = config.get<std::string>("input").empty() ? from_cohort(context, settings, out)
                                                                : from_image(context, settings, out);
  if (context.is_root()) print_summary(summary, parcels::shard_path(out, settings.shard));
  return ExitCode::kDone;
}

}  // namespace

Command parcellate_command() {
  return {.name = "parcellate",
          .summary = "mean series of an atlas' parcels, of a cohort or one image",
          .schema = config::parcellate_schema,
          .run = run,
          .options = {overwrite_option()},
          .computes = never_computes};
}

}  // namespace brainmt::app
