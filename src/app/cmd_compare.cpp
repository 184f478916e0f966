// `brainmt compare MODEL...`: runs, baselines and anybody's predictions over the same participants.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "analysis/blocks.hpp"
#include "analysis/comparison.hpp"
#include "app/command_table.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/version.hpp"
#include "comm/agreement.hpp"
#include "config/keys.hpp"
#include "io/atomic_file.hpp"
#include "run/outputs.hpp"
#include "run/run_keys.hpp"
#include "task/class_names.hpp"
#include "task/training_data.hpp"

namespace brainmt::app {
namespace {

namespace fs = std::filesystem;

// A comparison.json of the same files is replaced, another one with --overwrite only.
run::OutputKind comparison_kind(const nlohmann::ordered_json& inputs) {
  return {"a comparison of 'brainmt compare'", [inputs](const fs::path& path) {
            std::ifstream in(path);
            const auto json = nlohmann::ordered_json::parse(in, nullptr, /*allow_exceptions=*/false);
            if (!json.is_object() || json.value("format", "") != "brainmt-comparison") return run::Standing::kForeign;
            return json.value("inputs", nlohmann::ordered_json()) == inputs ? run::Standing::kOwn
                                                                            : run::Standing::kOther;
          }};
}

void check_outputs(const CommandContext& context, const fs::path& out, const nlohmann::ordered_json& inputs) {
  const std::string tables = "a table of 'brainmt compare'";
  run::Outputs outputs{.files = {{"out", out / "comparison.json", comparison_kind(inputs)},
                                 {"out", out / "comparison.tsv", run::text_kind(tables, "a\tb\ttarget\tmetric\t")},
                                 {"out", out / "models.tsv", run::text_kind(tables, "model\ttarget\tmetric\t")},
                                 {"out", out / "comparison.html", run::page_kind()}},
                       .folders = {{"out", out, {}}},
                       .overwrite = context.has("overwrite")};
  for (const auto& input : inputs) outputs.inputs.emplace_back(input["predictions"].get<std::string>());
  run::check_outputs(outputs);
}

// Who is resampled together; `column` is set to what it says.
analysis::Blocks blocks_of(const config::Config& config, const analysis::ComparedModels& models, std::string& column) {
  column = config.get<std::string>("blocks");
  const bool given = !column.empty();
  if (!given) column = models.group;
  if (column == "none") column.clear();
  if (column.empty()) return {};
  if (const fs::path table = config.get<std::string>("phenotypes"); !table.empty())
    return analysis::blocks_of(table, column);
  std::string cohort = config.get<std::string>("data.cohort");
  if (cohort.empty()) cohort = models.cohort;
  const std::string advice = fmt::format("give a cohort (data.cohort=) or a table (phenotypes=) with this column{}",
                                         given ? "" : ", or blocks=none to resample participants");
  const std::string why =
      given ? fmt::format("blocks={}", column)
            : fmt::format("the split keeps participants with the same '{}' together, and so does a comparison", column);
  if (cohort.empty()) throw UsageError(fmt::format("{}: {}", why, advice));
  try {
    return analysis::blocks_of(io::Cohort(cohort), column);
  } catch (const DataError& error) {
    throw DataError(fmt::format("{}: {}; {}", why, error.what(), advice));
  }
}

void log_notes(const analysis::ComparedModels& models) {
  for (const analysis::ComparedModel& model : models.models) {
    for (const std::string& note : model.notes) log::warn("{}: {}", model.name, note);
    if (model.other_part > 0) log::info("{}: {} rows of other parts are left out", model.name, model.other_part);
    for (const auto& [target, predictions] : model.targets)
      if (predictions.missing > 0)
        log::warn("{}: {} participants have a label of {} and no prediction: {}{}", model.name, predictions.missing,
                  target, fmt::join(predictions.first_missing, ", "),
                  predictions.missing > predictions.first_missing.size() ? ", ..." : "");
  }
}

// What the classes are called, where a run's cohort is there.
void name_classes(analysis::ComparedModels& models) {
  for (const analysis::ComparedModel& model : models.models)
    for (const fs::path& path : model.paths) {
      const auto is_known = [&](const analysis::TargetKind& target) {
        return target.task != task::Task::kClassification || models.classes.contains(target.name);
      };
      if (std::ranges::all_of(models.targets, is_known)) return;
      if (!fs::exists(path / "config.yaml")) continue;
      try {
        const config::Config config = run::config_of_result(path);
        const io::Cohort cohort(config.get<std::string>("data.cohort"));
        for (const task::Target& target :
             task::resolve_targets(cohort, task::TaskSettings::from_config(config).targets)) {
          if (target.task != task::Task::kClassification) continue;
          const auto names = task::class_names(cohort, target);
          const auto shown = [&](std::size_t c) {
            return names[c] == std::to_string(c) ? "class " + names[c] : names[c];
          };
          models.classes[target.name] = {shown(0), shown(1)};
        }
      } catch (const Error&) {  // the page says class 0 and class 1
      }
    }
}

void compare(const CommandContext& context) {
  const config::Config& config = context.config;
  const fs::path out = config.get<std::string>("out");
  const std::string part = config.get<std::string>("split");
  analysis::ComparedModels models = analysis::read_models({.models = context.operands,
                                                           .names = config.get<std::vector<std::string>>("names"),
                                                           .part = part,
                                                           .split_file = config.get<std::string>("data.split_file"),
                                                           .allow_overlap = config.get<bool>("allow_overlap")});
  check_outputs(context, out, analysis::inputs_json(models, part));
  analysis::ComparisonSettings settings{
      .metric = config.get<std::string>("metric"),
      .reference = config.get<std::string>("reference"),
      .all_pairs = config.get<std::string>("pairs") == "all",
      .part = part,
      .blocks = {},
      .resampling = {.seed = static_cast<std::uint64_t>(config.get<std::int64_t>("seed")),
                     .resamples = config.get<int>("bootstrap"),
                     .permutations = config.get<int>("permutations")}};
  settings.resampling.blocks = blocks_of(config, models, settings.blocks);
  name_classes(models);
  log_notes(models);
  const analysis::ModelComparison comparison = analysis::compare_models(std::move(models), settings);

  std::error_code error;
  fs::create_directories(out, error);
  if (error) throw OutputError(fmt::format("out={}: cannot be made: {}", out.string(), error.message()));
  const std::string program = fmt::format("brainmt {} ({})", version(), git_revision());
  io::write_atomically(out / "comparison.tsv", analysis::comparison_table(comparison));
  io::write_atomically(out / "models.tsv", analysis::models_table(comparison));
  io::write_atomically(out / "comparison.json", analysis::comparison_json(comparison, program).dump(1) + "\n");
  io::write_atomically(out / "comparison.html",
                       analysis::comparison_page(comparison, fmt::format("Made by {}.", program)));
  fmt::print("{}written      {}\n", analysis::comparison_text(comparison), (out / "comparison.html").string());
}

ExitCode run(CommandContext& context) {
  comm::run_agreed(context.comm, [&] {
    if (context.is_root()) compare(context);
  });
  return ExitCode::kDone;
}

}  // namespace

Command compare_command() {
  return {
      .name = "compare",
      .summary = "models, baselines and imported predictions over the same participants",
      .schema = config::compare_schema,
      .run = run,
      .operands = {.usage = "MODEL...",
                   .help = "run directories, folders of 'brainmt evaluate', or tables of predictions (participant_id "
                           "and y_pred or logit); several runs of one model as PATH,PATH",
                   .min = 2,
                   .max = 1000},
      .options = {overwrite_option()},
      .computes = never_computes};
}

}  // namespace brainmt::app
