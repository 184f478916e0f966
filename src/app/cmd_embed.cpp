// `brainmt embed`: embeddings of the participants of a cohort from the shared encoder; merges the shards of an array
// job; `embed residualize` removes covariates from a finished file.
#include <fmt/format.h>

#include <filesystem>
#include <optional>

#include "analysis/embed.hpp"
#include "analysis/residualize.hpp"
#include "app/build_info.hpp"
#include "app/command_table.hpp"
#include "base/log.hpp"
#include "base/version.hpp"
#include "comm/agreement.hpp"
#include "config/keys.hpp"
#include "run/checkpoint.hpp"
#include "run/given_keys.hpp"
#include "run/outputs.hpp"
#include "run/run_keys.hpp"
#include "run/schemas.hpp"
#include "train/shared_algorithms.hpp"

namespace brainmt::app {
namespace {

namespace fs = std::filesystem;

std::string libraries() {
  std::string text;
  for (const auto& [name, what] : library_versions())
    text += fmt::format("{}{} {}", text.empty() ? "" : "; ", name, what);
  return text;
}

std::string program() { return fmt::format("brainmt {} ({})", version(), git_revision()); }

void check_source(const config::Config& config) {
  const bool run = !config.get<std::string>("run.dir").empty(), weights = !config.get<std::string>("weights").empty();
  if (run == weights) throw UsageError("'embed' needs run.dir=DIR or weights=FILE, one of the two");
  if (weights && config.get<std::string>("data.cohort").empty())
    throw UsageError("'embed' with weights= needs data.cohort=...");
  if (weights && config.get<std::string>("split") != "all" && config.get<std::string>("data.split_file").empty())
    throw UsageError(fmt::format("split={} with weights= needs data.split_file=...", config.get<std::string>("split")));
}

analysis::EmbedSettings settings_of(CommandContext& context, const config::Config& keys, const fs::path& run_dir) {
  const config::Config& config = context.config;
  auto s = analysis::EmbedSettings::from_config(config, keys);
  s.program = program();
  s.libraries = libraries();
  s.overwrite = context.has("overwrite");
  if (run_dir.empty()) return s;
  s.weights = run::model_file_of(context.comm, run_dir, config.get<std::string>("checkpoint"));
  if (s.split_file.empty()) s.split_file = run_dir / "split.json";
  return s;
}

void print_summary(const analysis::EmbedSummary& summary, const fs::path& written) {
  if (summary.too_short > 0)
    fmt::print("{:<18}{} participants without a long enough run\n", "left out", summary.too_short);
  fmt::print("{:<18}{}\n{:<18}{}\n{:<18}{}\n", "participants", summary.participants, "windows", summary.windows,
             summary.was_complete ? "was complete" : "written", written.string());
}

analysis::EmbedSummary extract(CommandContext& context, const fs::path& out,
                               const std::optional<analysis::Shard>& shard) {
  check_source(context.config);
  const fs::path run_dir = context.config.get<std::string>("run.dir");
  const std::optional<config::Config> trained_with = run::config_of_run(run_dir);
  const config::Config keys = run::keys_with_run(context.config, trained_with);
  const analysis::EmbedSettings settings = settings_of(context, keys, run_dir);
  std::optional<io::Cohort> cohort;
  io::ReadSettings read = io::ReadSettings::from_config(keys, context.mpi);
  // Ranks have different numbers of windows here, so they cannot read together.
  if (read.mode == io::ReadMode::kCollective) read.mode = io::ReadMode::kIndependent;
  const run::Output output =
      shard ? run::Output{"out", analysis::shard_path(out, *shard), run::any_hdf5_kind("a shard of 'brainmt embed'")}
            : run::Output{"out", out, analysis::embeddings_kind(/*residualized=*/false)};
  run::check_outputs({.files = {output},
                      .inputs = {keys.get<std::string>("data.cohort"), settings.weights, settings.split_file},
                      .overwrite = context.has("overwrite")},
                     context.comm);
  comm::run_agreed(context.comm, [&] {
    cohort.emplace(keys.get<std::string>("data.cohort"), read);
    run::check_given(context.config, trained_with, settings.weights, *cohort);
    if (context.is_root() && context.config.get<bool>("data.verify")) cohort->verify();
  });
  train::follow_algorithms(context.comm, run_dir, dnn::algorithms());
  return analysis::embed(settings, *cohort, out, shard, context.comm, context.mpi);
}

void residualize(CommandContext& context, const fs::path& out) {
  const config::Config& config = context.config;
  const fs::path run_dir = config.get<std::string>("run.dir");
  const config::Config keys = run::keys_with_run(config, run::config_of_run(run_dir));
  auto s = analysis::ResidualizeSettings::from_config(config, keys);
  if (s.split_file.empty() && !run_dir.empty()) s.split_file = run_dir / "split.json";
  s.program = program();
  if (s.in.empty()) throw UsageError("'embed residualize' needs in=FILE, a file of 'brainmt embed'");
  if (s.cohort.empty())
    throw UsageError("'embed residualize' needs data.cohort=FILE or run.dir=DIR for the covariates");
  if (s.split_file.empty())
    throw UsageError(
        "'embed residualize' needs data.split_file=FILE or run.dir=DIR: everything is fitted on its "
        "training part");
  comm::run_agreed(context.comm, [&] {
    if (!context.is_root()) return;
    run::check_outputs({.files = {{"out", out, analysis::embeddings_kind(/*residualized=*/true)}},
                        .inputs = {s.in, s.cohort, s.split_file},
                        .overwrite = context.has("overwrite")});
    const analysis::ResidualizeSummary summary = analysis::residualize(s, out);
    for (const std::string& warning : summary.warnings) log::warn("{}", warning);
    fmt::print("{}{:<18}{}\n", analysis::to_lines(summary), "written", out.string());
  });
}

ExitCode run(CommandContext& context) {
  const config::Config& config = context.config;
  const fs::path out = config.get<std::string>("out");
  if (!context.operands.empty()) {
    if (context.operands.front() != "residualize")
      throw UsageError(fmt::format("embed: expected 'residualize' or nothing, found '{}'", context.operands.front()));
    residualize(context, out);
    return ExitCode::kDone;
  }
  const auto merge = static_cast<std::size_t>(config.get<std::int64_t>("merge"));
  const auto shard_text = config.get<std::string>("shard");
  if (merge > 0 && !shard_text.empty()) throw UsageError("merge conflicts with shard: give one of the two");
  std::optional<analysis::Shard> shard;
  if (!shard_text.empty()) shard = analysis::parse_shard(shard_text);
  if (merge > 0)
    run::check_outputs({.files = {{"out", out, analysis::embeddings_kind(/*residualized=*/false)}},
                        .overwrite = context.has("overwrite")},
                       context.comm);
  const analysis::EmbedSummary summary =
      merge > 0 ? analysis::merge_shards(out, merge, context.comm, context.mpi) : extract(context, out, shard);
  if (context.is_root()) print_summary(summary, shard ? analysis::shard_path(out, *shard) : out);
  return ExitCode::kDone;
}

}  // namespace

Command embed_command() {
  return {
      .name = "embed",
      .summary = "embeddings of participants from the shared encoder",
      .schema = run::embed_schema,
      .run = run,
      .operands = {.usage = "[residualize]",
                   .help = "remove covariates from a file of embeddings and project it, fitted on the training part",
                   .min = 0,
                   .max = 1,
                   .words = {"residualize"}},
      .options = {overwrite_option()}};
}

}  // namespace brainmt::app
