#include "analysis/baseline_files.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "analysis/permutation.hpp"
#include "analysis/plots.hpp"
#include "analysis/result_files.hpp"
#include "base/version.hpp"
#include "io/atomic_file.hpp"
#include "io/safetensors.hpp"
#include "run/run_keys.hpp"

namespace brainmt::analysis {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kBaselineFormat = "brainmt-baseline";
constexpr const char* kTableFile = "baselines.tsv";
constexpr std::array<const char*, 4> kAllParts{"test", "val", "train", "all"};
constexpr const char* kTableHead = "model\tmetric\tvalue\tlow\thigh\tp\tn";

Json read_json(const fs::path& path) {
  std::ifstream in(path);
  return Json::parse(in, nullptr, /*allow_exceptions=*/false);
}

// baseline.json of another split is not replaced unasked: its predictions are of other people.
run::OutputKind baseline_kind(const std::string& split_sha256) {
  return {"a model of 'brainmt baseline'", [split_sha256](const fs::path& path) {
            const Json json = read_json(path);
            if (!json.is_object() || json.value("format", "") != kBaselineFormat) return run::Standing::kForeign;
            return json.value("split_sha256", "") == split_sha256 ? run::Standing::kOwn : run::Standing::kOther;
          }};
}

run::OutputKind linear_model_kind() {
  return {"a model of 'brainmt baseline'", [](const fs::path& path) {
            try {
              const bool own = io::SafetensorsFile::open(path).metadata().contains(kBaselineFormat);
              return own ? run::Standing::kOwn : run::Standing::kForeign;
            } catch (const DataError&) {
              return run::Standing::kForeign;
            }
          }};
}

std::string text_of(const baselines::TextTable& table, const std::string& target, bool is_multitask) {
  return fmt::format("{}{}", fmt::join(table.lines, is_multitask ? "\t" + target + "\n" : "\n"),
                     table.lines.empty() ? ""
                     : is_multitask      ? "\t" + target + "\n"
                                         : "\n");
}

// The tables of all targets below each other.
void write_tables(const fs::path& folder, const baselines::FittedModel& model, const task::TaskDescription& task,
                  const std::string& name, baselines::TextTable baselines::FittedTarget::*table) {
  std::string text;
  for (const baselines::FittedTarget& fit : model.targets) {
    const baselines::TextTable& of_target = fit.*table;
    if (of_target.header.empty()) return;
    if (text.empty()) text = of_target.header + (task.is_multitask ? "\ttarget\n" : "\n");
    text += text_of(of_target, task.targets[fit.target].target.name, task.is_multitask);
  }
  io::write_atomically(folder / name, text);
}

std::string choice_file(const std::string& model) { return model == "xgboost" ? "grid.tsv" : "lambda.tsv"; }

// model.json, or of several targets model-1.json, model-2.json ... in the order of the task.
std::string tree_file(const task::TaskDescription& task, std::size_t target) {
  return task.is_multitask ? fmt::format("model-{}.json", target + 1) : "model.json";
}

void write_model(const fs::path& folder, const baselines::FittedModel& model, const task::TrainingData& data,
                 const Json& description) {
  std::vector<io::TensorToWrite> tensors;
  for (const baselines::FittedTarget& fit : model.targets) {
    if (!fit.trees.empty()) io::write_atomically(folder / tree_file(data.task, fit.target), fit.trees);
    const std::string prefix = data.task.is_multitask ? data.task.targets[fit.target].target.name + "/" : "";
    for (const baselines::Tensor64& tensor : fit.tensors)
      tensors.push_back({prefix + tensor.name, io::StoredType::kF64, {tensor.values.size()}, tensor.values.data()});
  }
  if (tensors.empty()) return;
  io::write_safetensors(folder / "model.safetensors", tensors,
                        {{kBaselineFormat, description.dump()}, {task::kTaskKey, task::describe_task(data.task)}});
}

Json description_of(const BaselineContext& context, const baselines::FittedModel& model,
                    const task::TrainingData& data) {
  Json json{{"format", kBaselineFormat},
            {"version", 1},
            {"model", model.name},
            {"task", task::name_of(data.task)},
            {"split", context.split},
            {"split_sha256", context.split_sha256},
            {"data_sha256", data.sha256},
            {"fitted_on",
             context.config.get<bool>("baseline.use_val") && model.name != "xgboost" ? "train and val" : "train"},
            {"use_val", context.config.get<bool>("baseline.use_val")},
            {"seed", context.config.get<std::int64_t>("run.seed")},
            {"program", fmt::format("brainmt {} ({})", version(), git_revision())}};
  if (!model.terms.empty()) json["terms"] = model.terms;
  if (baselines::needs_connectivity(model.name)) json["fc"] = Json::parse(context.connectivity);
  json["targets"] = Json::array();
  for (const baselines::FittedTarget& fit : model.targets) {
    Json facts{{"target", data.task.targets[fit.target].target.name}};
    facts.update(Json::parse(fit.facts));
    json["targets"].push_back(std::move(facts));
  }
  return json;
}

config::Config config_of(const BaselineContext& context, const std::string& model) {
  config::Config config = context.config;
  config.set("models", {{model}, true}, config::Origin::kOverride, "baseline");
  return config;
}

// One line for each metric of each target.
std::vector<std::string> table_lines(const BaselineContext& context, const std::string& model,
                                     const Evaluation& evaluation, const Json& metrics,
                                     const task::TrainingData& data) {
  std::map<std::string, std::string> group_of;
  for (const task::Subject& subject : data.data.subjects()) group_of[subject.id] = subject.group;
  std::vector<std::string> lines;
  const auto text = [](const Json& value) { return value.is_number() ? value.dump() : "n/a"; };
  for (std::size_t k = 0; k < evaluation.task.targets.size(); ++k) {
    const task::Target& target = evaluation.task.targets[k].target;
    const bool classes = target.task == task::Task::kClassification;
    std::vector<Scored> scored;
    std::vector<std::string> groups;
    for (const Prediction& p : evaluation.predictions) {
      if (p.target != k || std::isnan(p.truth)) continue;
      scored.push_back({p.truth, classes ? p.output : p.predicted});
      groups.push_back(group_of[p.participant_id]);
    }
    const std::vector<std::string>& names = metric_names(target.task);
    const std::vector<double> p =
        permutation_p(names, target.task, scored, groups, context.permutations, context.bootstrap.seed);
    const Json& of_target = evaluation.task.is_multitask ? metrics.at("targets").at(target.name) : metrics;
    for (std::size_t m = 0; m < names.size(); ++m) {
      const Json interval = of_target.at("ci95").value(names[m], Json::array({nullptr, nullptr}));
      lines.push_back(fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}", model, names[m], text(of_target.at(names[m])),
                                  text(interval.at(0)), text(interval.at(1)),
                                  std::isfinite(p[m]) ? fmt::format("{}", p[m]) : "n/a", scored.size()));
      if (evaluation.task.is_multitask) lines.back() += "\t" + target.name;
    }
  }
  return lines;
}

std::string content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool is_model_file(const std::string& name) {
  constexpr std::array kNames{"config.yaml",       "overrides.txt",   "provenance.json", "split.json",
                              "model.safetensors", "model.json",      "lambda.tsv",      "grid.tsv",
                              "coefficients.tsv",  run::kBaselineFile};
  const std::string_view tree = "model-";  // model-1.json, of several targets
  const std::size_t digits = name.find_first_not_of("0123456789", tree.size());
  const bool is_tree =
      name.starts_with(tree) && digits != tree.size() && digits != std::string::npos && name.substr(digits) == ".json";
  return is_tree || std::ranges::find(kNames, name) != kNames.end();
}

bool is_result_of(const std::string& name, const std::string& part) {
  return name == result_file("predictions.tsv", part) || name == result_file("metrics.json", part) ||
         is_plot_file(name, part);
}

}  // namespace

void check_baseline_outputs(const BaselineContext& context, const std::vector<std::string>& models) {
  run::Outputs outputs{.files = {{"out", context.out / result_file(kTableFile, context.split),
                                  run::text_kind("a table of 'brainmt baseline'", kTableHead)}},
                       .folders = {{"out", context.out, {}}},
                       .inputs = context.inputs,
                       .overwrite = context.overwrite};
  for (const std::string& model : models) {
    const fs::path folder = context.out / model;
    std::error_code unknown;
    if (fs::exists(folder / "config.yaml", unknown) && !run::is_baseline(folder))
      throw UsageError(
          fmt::format("out={}: '{}' holds a run of another kind, and is not replaced: choose another folder",
                      context.out.string(), folder.string()));
    const auto add = [&](const std::string& name, run::OutputKind kind) {
      outputs.files.push_back({"out", folder / name, std::move(kind)});
    };
    add(run::kBaselineFile, baseline_kind(context.split_sha256));
    add(result_file("predictions.tsv", context.split),
        run::text_kind("predictions of brainmt", "participant_id\tsplit\tn_windows\ty_true\ty_pred\t"));
    add(result_file("metrics.json", context.split), run::json_kind("metrics of brainmt", {"task", "split"}));
    add("split.json", run::json_kind("a split of brainmt", {"format", "train"}));
    add("model.safetensors", linear_model_kind());
    add("model.json", run::json_kind("a model of XGBoost", {"learner", "version"}));
    add("lambda.tsv", run::text_kind("penalties of 'brainmt baseline'", "lambda\terror\t"));
    add("grid.tsv", run::text_kind("settings of 'brainmt baseline'", "depth\teta\tlambda\t"));
    add("coefficients.tsv", run::text_kind("coefficients of 'brainmt baseline'",
                                           model == "confounds" ? "term\tweight" : "index_a\tindex_b\t"));
    for (const auto& entry : fs::directory_iterator(folder, unknown))
      if (const std::string name = entry.path().filename().string(); is_plot_file(name, context.split))
        add(name, run::plot_kind());
  }
  run::check_outputs(outputs);
}

Evaluation evaluation_of(const baselines::FittedModel& model, const task::TrainingData& data,
                         const std::string& split) {
  Evaluation evaluation{.task = data.task, .part = split, .predictions = {}};
  evaluation.task.targets.clear();
  for (const baselines::FittedTarget& fit : model.targets)
    evaluation.task.targets.push_back(data.task.targets[fit.target]);
  std::vector<std::string> part_of(data.data.subjects().size(), "none");
  for (const task::Part part : task::kParts)
    for (const std::size_t i : data.part(part)) part_of[i] = task::name_of(part);
  for (std::size_t i = 0; i < part_of.size(); ++i) {
    if (split != "all" && part_of[i] != split) continue;
    const task::Subject& subject = data.data.subjects()[i];
    for (std::size_t k = 0; k < model.targets.size(); ++k) {
      const std::optional<double>& output = model.targets[k].output[i];
      if (!output) continue;
      const task::TargetDescription& target = evaluation.task.targets[k];
      const bool classes = target.target.task == task::Task::kClassification;
      evaluation.predictions.push_back({.participant_id = subject.id,
                                        .part = part_of[i],
                                        .windows = baselines::needs_connectivity(model.name) ? 1 : 0,
                                        .truth = subject.labels[model.targets[k].target],
                                        .predicted = classes ? (*output >= 0 ? 1.0 : 0.0) : *output,
                                        .output = classes ? *output : target.scaling.scaled(*output),
                                        .target = k});
    }
  }
  if (evaluation.predictions.empty())
    throw DataError(
        fmt::format("{}: nobody of the part {} has connectivity", data.data.cohort().path().string(), split));
  return evaluation;
}

BaselineFolder::BaselineFolder(const BaselineContext& context, const baselines::FittedModel& model,
                               const task::TrainingData& data)
    : folder_(context.out / model.name), model_(model.name), part_(context.split), beside_(folder_) {
  const fs::path& folder = beside_.path();
  const Evaluation evaluation = evaluation_of(model, data, context.split);
  const Json metrics = metrics_of(evaluation, context.bootstrap), description = description_of(context, model, data);
  lines_ = table_lines(context, model.name, evaluation, metrics, data);

  std::error_code ignored;  // the earlier starts
  fs::copy_file(folder_ / "provenance.json", folder / "provenance.json", ignored);
  run::StartRecord start = context.start;
  start.config_yaml = config_of(context, model.name).to_yaml();
  start.data_sha256 = data.sha256;
  start.split_sha256 = context.split_sha256;
  start.task = task::describe_task(data.task);
  run::write_start_record(folder, start);
  task::save_split(data.split, folder / "split.json");
  write_model(folder, model, data, description);
  write_tables(folder, model, data.task, "coefficients.tsv", &baselines::FittedTarget::coefficients);
  write_tables(folder, model, data.task, choice_file(model.name), &baselines::FittedTarget::choice);
  for (const Plot& plot : plots_of(evaluation, metrics))
    io::write_atomically(folder / result_file(plot.file_name, context.split), plot.svg);
  io::write_atomically(folder / result_file("predictions.tsv", context.split), predictions_table(evaluation));
  io::write_atomically(folder / result_file("metrics.json", context.split), metrics.dump(2) + "\n");
  io::write_atomically(folder / run::kBaselineFile, description.dump(2) + "\n");
}

// As far as the files say: the same people, labels, settings, connectivity and coefficients.
bool BaselineFolder::is_same_fit() const {
  Json before = read_json(folder_ / run::kBaselineFile), now = read_json(beside_.path() / run::kBaselineFile);
  if (!before.is_object()) return false;
  for (const char* key : {"split", "program", "use_val"}) before.erase(key), now.erase(key);
  return before == now && content_of(folder_ / "coefficients.tsv") == content_of(beside_.path() / "coefficients.tsv") &&
         content_of(folder_ / choice_file(model_)) == content_of(beside_.path() / choice_file(model_));
}

void BaselineFolder::commit() {
  const bool same = is_same_fit();
  beside_.commit([&](const fs::path& entry) {
    const std::string name = entry.filename().string();
    if (is_model_file(name)) return false;
    const bool is_result = is_result_of(name, part_) ||
                           std::ranges::any_of(kAllParts, [&](const char* part) { return is_result_of(name, part); });
    if (is_result) return same && !is_result_of(name, part_);
    return same || name != "report.html" || run::page_kind().look(entry) != run::Standing::kOwn;
  });
  if (!same) drop_lines_of_other_parts();
}

void BaselineFolder::drop_lines_of_other_parts() const {
  for (const char* part : kAllParts) {
    const fs::path table = folder_.parent_path() / result_file(kTableFile, part);
    std::error_code unknown;
    if (part == part_ || !fs::exists(table, unknown)) continue;
    std::ifstream in(table);
    std::string text;
    std::size_t kept = 0, dropped = 0;
    for (std::string line; std::getline(in, line);) {
      const bool is_ours = line.starts_with(model_ + "\t");
      ++(is_ours ? dropped : kept);
      if (!is_ours) text += line + "\n";
    }
    if (dropped == 0 || !text.starts_with(kTableHead)) continue;
    if (kept > 1)
      io::write_atomically(table, text);
    else
      fs::remove(table, unknown);
  }
}

fs::path write_baseline_table(const BaselineContext& context, const std::vector<std::string>& models,
                              const std::vector<std::string>& lines, bool is_multitask) {
  const std::string name = result_file(kTableFile, context.split);
  const std::string head = std::string(kTableHead) + (is_multitask ? "\ttarget" : "");
  std::vector<std::string> kept;
  std::ifstream in(context.out / name);
  std::string line;
  if (std::getline(in, line) && line == head) {
    while (std::getline(in, line)) {
      const std::string model = line.substr(0, line.find('\t'));
      const Json json = read_json(context.out / model / run::kBaselineFile);
      if (std::ranges::find(models, model) == models.end() && json.is_object() &&
          json.value("split_sha256", "") == context.split_sha256)
        kept.push_back(line);
    }
  }
  // In the order of model_names().
  kept.insert(kept.end(), lines.begin(), lines.end());
  const auto rank = [](const std::string& text) {
    return std::ranges::find(baselines::model_names(), text.substr(0, text.find('\t'))) -
           baselines::model_names().begin();
  };
  std::ranges::stable_sort(kept, {}, rank);
  io::write_atomically(context.out / name, fmt::format("{}\n{}\n", head, fmt::join(kept, "\n")));
  return context.out / name;
}

}  // namespace brainmt::analysis
