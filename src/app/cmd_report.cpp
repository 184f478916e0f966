// `brainmt report RUN...`: a self-contained HTML page of one or several runs.
#include <fmt/format.h>

#include <filesystem>
#include <set>

#include "analysis/report.hpp"
#include "app/command_table.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/version.hpp"
#include "comm/agreement.hpp"
#include "config/keys.hpp"
#include "io/atomic_file.hpp"
#include "run/outputs.hpp"
#include "run/run_keys.hpp"
#include "task/training_data.hpp"

namespace brainmt::app {
namespace {

namespace fs = std::filesystem;

// Runs of one name are told apart by the folders above them.
void make_names_unique(std::vector<analysis::RunRecord>& runs) {
  std::set<std::string> seen;
  for (analysis::RunRecord& run : runs) {
    fs::path above = fs::absolute(run.directory).lexically_normal();
    if (!above.has_filename()) above = above.parent_path();
    while (!seen.insert(run.name).second) {
      above = above.parent_path();
      run.name = above.has_filename() ? above.filename().string() + "/" + run.name : run.name + "'";
    }
  }
}

// What the run's cohort says, where it still is; the page says where it is not.
void add_facts(analysis::RunRecord& run) {
  try {
    const config::Config config = run::config_of_result(run.directory);
    const io::Cohort cohort(config.get<std::string>("data.cohort"));
    const fs::path split = run.directory / "split.json";
    if (!fs::exists(split)) throw DataError("the run has no split.json yet");
    analysis::CohortFacts facts = analysis::read_cohort_facts(cohort, task::TaskSettings::from_config(config),
                                                              {.file = split, .run_dir = {}, .plan = {}},
                                                              config.get<std::int64_t>("model.num_frames"));
    analysis::set_facts(run, std::move(facts));
  } catch (const Error& error) {
    run.cohort_note = error.what();
    log::warn("{}: without what its cohort says: {}", run.directory.string(), error.what());
  }
}

ExitCode run(CommandContext& context) {
  comm::run_agreed(context.comm, [&] {
    if (!context.is_root()) return;
    fs::path out = context.config.get<std::string>("out");
    if (out.empty()) out = fs::path(context.operands.front()) / "report.html";
    std::vector<analysis::RunRecord> runs;
    for (const std::string& directory : context.operands) add_facts(runs.emplace_back(analysis::read_run(directory)));
    make_names_unique(runs);
    run::check_outputs({.files = {{"out", out, run::page_kind()}}});
    io::write_atomically(
        out,
        analysis::report_page(runs, {.title = context.config.get<std::string>("title"),
                                     .bins = context.config.get<int>("bins"),
                                     .program = fmt::format("Made by brainmt {} ({}).", version(), git_revision())}));
    fmt::print("{}\n", out.string());
  });
  return ExitCode::kDone;
}

}  // namespace

Command report_command() {
  return {.name = "report",
          .summary = "self-contained HTML page of one or several runs, plots inside",
          .schema = config::report_schema,
          .run = run,
          .operands = {.usage = "RUN...",
                       .help = "run directories of 'brainmt train' or 'brainmt baseline'",
                       .min = 1,
                       .max = 1000},
          .computes = never_computes};
}

}  // namespace brainmt::app
