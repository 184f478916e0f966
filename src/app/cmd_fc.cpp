// `brainmt fc`: functional connectivity of a cohort of parcels, or of what people already have, as one file, with a table
// of quality, a page, and BIDS derivatives where asked for.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <optional>

#include "analysis/connectivity_page.hpp"
#include "analysis/embed.hpp"
#include "app/command_table.hpp"
#include "base/log.hpp"
#include "base/version.hpp"
#include "comm/agreement.hpp"
#include "config/keys.hpp"
#include "connectivity/bids.hpp"
#include "connectivity/fc.hpp"
#include "connectivity/import.hpp"
#include "connectivity/statistics.hpp"
#include "io/atomic_file.hpp"
#include "io/checksum.hpp"
#include "io/table.hpp"
#include "linalg/parallel.hpp"
#include "run/data_origin.hpp"
#include "run/outputs.hpp"
#include "run/run_keys.hpp"
#include "task/sampler.hpp"
#include "task/split.hpp"

namespace brainmt::app {
namespace {

namespace fs = std::filesystem;

std::string program() { return fmt::format("brainmt {} ({})", version(), git_revision()); }

bool is_bids(const config::Config& config) { return config.get<std::string>("format") == "bids"; }

// With format=bids `out` is a folder.
fs::path file_of(const config::Config& config) {
  const fs::path out = config.get<std::string>("out");
  return is_bids(config) ? out / "connectivity.h5" : out;
}

fs::path beside(const fs::path& file, const char* ending) { return file.string() + ending; }

fs::path cohort_of(const config::Config& config) {
  const std::string cohort = config.get<std::string>("data.cohort"), parcels = config.get<std::string>("parcels");
  if (!cohort.empty() && !parcels.empty())
    throw UsageError("'fc': data.cohort and parcels are two names of one key: give one");
  return cohort.empty() ? parcels : cohort;
}

fs::path split_file_of(const config::Config& config) {
  const fs::path run_dir = config.get<std::string>("run.dir"), given = config.get<std::string>("data.split_file");
  return given.empty() && !run_dir.empty() ? run_dir / "split.json" : given;
}

// The participants whose scans are fitted on, checked against those of the cohort.
void add_training(connectivity::FcSettings& settings, const config::Config& config, const io::Cohort& cohort) {
  if (!settings.fits()) return;
  const fs::path file = split_file_of(config);
  if (file.empty())
    throw UsageError(
        fmt::format("fc.{} is fitted on the training participants: give run.dir=DIR or data.split_file=FILE",
                    settings.components > 0 ? "subspace=coskewness" : "kind=tangent"));
  const task::Split split = task::load_split(file);
  std::vector<std::string> known;
  for (const io::CohortScan& scan : cohort.scans()) known.push_back(scan.participant_id);  // in quarantine too
  task::check_known(split, known, cohort.path().string());
  settings.training = connectivity::TrainingPart{split.of(task::Part::kTrain), io::sha256_of_file(file)};
}

void set_frames(connectivity::FcSettings& settings, const config::Config& config) {
  const auto text = config.get<std::string>("fc.frames");
  if (text == "all") return;
  std::int64_t frames = 0, stride = 0;
  if (text == "window") {
    const auto run = run::config_of_run(config.get<std::string>("run.dir"));
    if (!run) throw UsageError("fc.frames=window takes the windows of a model: give its run.dir=DIR");
    if (!run->schema().find("model.num_frames"))
      throw UsageError("fc.frames=window: the model of run.dir has no windows of frames: give a number, or all");
    frames = run->get<std::int64_t>("model.num_frames");
    stride = run->get<std::int64_t>("eval.stride");
  } else {
    const auto number = io::parse_number(text);
    if (!number || *number < 3 || *number != static_cast<double>(static_cast<std::int64_t>(*number)))
      throw UsageError(fmt::format("fc.frames={}: expected all, window, or a whole number of frames from 3", text));
    frames = static_cast<std::int64_t>(*number);
  }
  settings.frames.window = static_cast<std::uint64_t>(frames);
  settings.frames.starts = [frames, stride](std::size_t scan_frames) {
    return task::evaluation_starts(scan_frames, static_cast<std::size_t>(frames),
                                   static_cast<std::size_t>(stride > 0 ? stride : frames));
  };
}

run::OutputKind fc_kind() {
  return run::hdf5_kind("a file of 'brainmt fc'", [](const fs::path&, const std::string& format) {
    return format == connectivity::fc_format::kFormat ? run::Standing::kOwn : run::Standing::kForeign;
  });
}

// Matrices are written over those of the same names: in a folder of `fc` alone, beside the file that says of what.
void check_folder(const fs::path& folder, bool writes_matrices, bool overwrite) {
  if (!connectivity::is_own_folder(folder))
    throw UsageError(
        fmt::format("out={}: the folder holds other files than those of 'brainmt fc format=bids': choose a new one",
                    folder.string()));
  std::error_code unknown;
  if (writes_matrices && !overwrite && connectivity::is_of_fc(folder) &&
      !fs::exists(folder / "connectivity.h5", unknown))
    throw UsageError(fmt::format(
        "out={}: holds matrices without their connectivity.h5: choose another folder, or give --overwrite to replace them",
        folder.string()));
}

// Everything that will be written, before anything is computed.
void check_outputs(CommandContext& context, const std::optional<analysis::Shard>& shard) {
  const fs::path file = file_of(context.config);
  run::Outputs outputs{
      .inputs = {cohort_of(context.config), split_file_of(context.config), context.config.get<std::string>("from")},
      .overwrite = context.has("overwrite")};
  if (shard) {
    outputs.files = {{"out", analysis::shard_path(file, *shard), run::any_hdf5_kind("a shard of 'brainmt fc'")}};
  } else {
    outputs.files = {
        {"out", file, fc_kind()},
        {"out", beside(file, ".quality.tsv"), run::text_kind("a table of 'brainmt fc'", connectivity::kQualityHeader)},
        {"out", beside(file, ".html"), run::page_kind()}};
  }
  if (is_bids(context.config)) {
    const fs::path folder = context.config.get<std::string>("out");
    outputs.folders = {{"out", folder, {}}};
    comm::run_agreed(context.comm, [&] {
      if (context.is_root()) check_folder(folder, !shard, outputs.overwrite);
    });
  }
  run::check_outputs(outputs, context.comm);
  if (!is_bids(context.config)) return;
  comm::run_agreed(context.comm, [&] {
    if (context.is_root()) fs::create_directories(context.config.get<std::string>("out"));
  });
}

connectivity::FcSummary compute(CommandContext& context, const std::optional<analysis::Shard>& shard) {
  const config::Config& config = context.config;
  std::optional<io::Cohort> cohort;
  connectivity::FcSettings settings;
  comm::run_agreed(context.comm, [&] {
    settings = connectivity::FcSettings::from_config(config);
    set_frames(settings, config);
    cohort.emplace(cohort_of(config));
    if (cohort->parcels() != nullptr) add_training(settings, config, *cohort);
    settings.cohort_fingerprint = run::cohort_fingerprint(*cohort);
    settings.program = program();
    settings.threads = linalg::threads();
    settings.overwrite = context.has("overwrite");
  });
  const fs::path file = file_of(config);
  std::optional<connectivity::FcShard> part;
  if (shard) part = connectivity::FcShard{shard->index, shard->count};
  return connectivity::compute_fc(settings, *cohort, shard ? analysis::shard_path(file, *shard) : file, part,
                                  context.comm, context.mpi);
}

connectivity::FcSummary merge(CommandContext& context, std::size_t count) {
  const fs::path file = file_of(context.config);
  std::vector<fs::path> shards;
  for (std::size_t k = 1; k <= count; ++k) shards.push_back(analysis::shard_path(file, {k, count}));
  return connectivity::merge_fc(file, shards, context.has("overwrite"), context.comm, context.mpi);
}

connectivity::FcSummary import(CommandContext& context) {
  const config::Config& config = context.config;
  const auto chosen = [&](const char* key) { return config.get<std::string>(key); };
  connectivity::ImportedFc imported;
  comm::run_agreed(context.comm, [&] {
    imported = connectivity::import_fc(
        {.from = chosen("from"),
         .suffix = chosen("import.suffix"),
         .order = chosen("import.order") == "rows" ? connectivity::EdgeOrder::kRows : connectivity::EdgeOrder::kColumns,
         .values = chosen("import.values") == "r" ? connectivity::ImportedValues::kCorrelation
                                                  : connectivity::ImportedValues::kAsTheyAre,
         .partial = chosen("import.kind") == "partial",
         .program = program()});
    if (context.is_root() && !context.has("overwrite"))
      connectivity::refuse_other(file_of(config), imported.description);
  });
  connectivity::FcWriter writer(context.mpi, file_of(config), imported.description);
  std::exception_ptr failure;
  try {
    const std::size_t width = imported.description.edges();
    for (std::size_t i = 0; context.is_root() && i < imported.description.participants.size(); ++i)
      writer.write(i, std::span(imported.edges).subspan(i * width, width));
  } catch (...) {
    failure = std::current_exception();
  }
  writer.commit(failure);
  return {.participants = imported.description.participants.size(), .runs = imported.description.participants.size()};
}

// The three strongest blocks of networks, for the log; the page has all.
void log_motion(const connectivity::FcStatistics& s) {
  if (s.motion_known < 3) return log::info("motion of the participants is not known: nothing is said about it");
  log::info("correlation of mean connectivity with mean FD: r = {:.3f} over {} participants", s.motion, s.motion_known);
  if (s.networks.size() < 2) return;
  struct Block {
    double r;
    std::size_t i, j;
  };
  std::vector<Block> blocks;
  for (std::size_t i = 0; i < s.networks.size(); ++i) {
    for (std::size_t j = i; j < s.networks.size(); ++j) {
      if (!std::isnan(s.block_motion(i, j))) blocks.push_back({s.block_motion(i, j), i, j});
    }
  }
  std::ranges::stable_sort(blocks, std::greater(), [](const Block& block) { return std::abs(block.r); });
  for (std::size_t b = 0; b < std::min<std::size_t>(blocks.size(), 3); ++b) {
    const auto name = [&](std::size_t n) { return s.networks[n].empty() ? "none" : s.networks[n]; };
    log::info("  {} with {}: r = {:.3f}", name(blocks[b].i), name(blocks[b].j), blocks[b].r);
  }
}

// What is made of the finished file, by rank 0.
void write_tables(CommandContext& context) {
  comm::run_agreed(context.comm, [&] {
    if (!context.is_root()) return;
    const fs::path path = file_of(context.config);
    const connectivity::FcFile file(path);
    const connectivity::FcStatistics statistics = connectivity::statistics_of(file);
    io::write_atomically(beside(path, ".quality.tsv"), connectivity::quality_table(file, statistics));
    io::write_atomically(beside(path, ".html"), analysis::connectivity_page(file, statistics, program()));
    log_motion(statistics);
    if (!is_bids(context.config)) return;
    const auto summary =
        connectivity::write_bids(file, context.config.get<std::string>("out"), program(), std::string(version()));
    fmt::print("{:<18}{}\n", "matrices", summary.matrices);
  });
}

// `tables`: also a table of quality and a page were written beside the file.
void print_summary(const connectivity::FcSummary& summary, const fs::path& written, bool tables) {
  for (const std::string& note : summary.notes) log::warn("{}", note);
  if (summary.too_short > 0)
    fmt::print("{:<18}{} participants without a long enough run\n", "left out", summary.too_short);
  if (summary.training > 0) fmt::print("{:<18}{} training participants\n", "fitted on", summary.training);
  fmt::print("{:<18}{}\n{:<18}{}\n{:<18}{}\n", "participants", summary.participants, "runs", summary.runs,
             summary.was_complete ? "was complete" : "written", written.string());
  if (tables)
    fmt::print("{:<18}{}\n{:<18}{}\n", "quality table", beside(written, ".quality.tsv").string(), "page",
               beside(written, ".html").string());
}

ExitCode run(CommandContext& context) {
  const config::Config& config = context.config;
  const auto merged = static_cast<std::size_t>(config.get<std::int64_t>("merge"));
  const auto shard_text = config.get<std::string>("shard");
  const bool imports = !config.get<std::string>("from").empty();
  if (merged > 0 && !shard_text.empty()) throw UsageError("merge conflicts with shard: give one of the two");
  if (imports && (merged > 0 || !shard_text.empty() || !cohort_of(config).empty()))
    throw UsageError("from= imports connectivity: give no data.cohort, shard or merge beside it");
  std::optional<analysis::Shard> shard;
  if (!shard_text.empty()) shard = analysis::parse_shard(shard_text);
  check_outputs(context, shard);
  const connectivity::FcSummary summary = imports      ? import(context)
                                          : merged > 0 ? merge(context, merged)
                                                       : compute(context, shard);
  if (!shard) write_tables(context);
  if (context.is_root())
    print_summary(summary, shard ? analysis::shard_path(file_of(config), *shard) : file_of(config), !shard);
  return ExitCode::kDone;
}

}  // namespace

Command fc_command() {
  return {.name = "fc",
          .summary = "functional connectivity of a cohort of parcels",
          .schema = config::fc_schema,
          .run = run,
          .options = {overwrite_option()},
          .computes = never_computes};
}

}  // namespace brainmt::app
