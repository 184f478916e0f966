#include "run/given_keys.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "run/weights.hpp"
#include "task/phenotype_values.hpp"
#include "task/task_description.hpp"

namespace brainmt::run {
namespace {

using Texts = std::vector<std::string>;
using DecidedKeys = std::map<std::string, config::Value>;

// Decided in training: what is predicted (the weights' metadata `brainmt.task`, else the run's configuration), the
// model
// (`brainmt.model`, else the run's configuration), the split (the run's split.json was made with them). All that is not
// listed is obeyed: data.cohort, data.split_file and how windows are read; eval.*, embed.*, split, bootstrap, run.seed
// (of the bootstrap, and of a split that is made here); precision, device.*, comm.*; what changes speed or memory only.
constexpr std::array kTask{"task",         "task.target",   "task.targets",   "task.kinds",
                           "task.weights", "task.positive", "task.confounds", "task.shuffle_labels"};
constexpr std::array kSplit{"data.split_fractions", "data.split_group", "data.folds", "data.fold"};

Texts decided_keys(const config::Schema& schema) {
  Texts keys(kTask.begin(), kTask.end());
  for (const config::Key& key : schema.keys())
    if (key.name.starts_with("model.") && key.defines_result) keys.push_back(key.name);
  keys.insert(keys.end(), kSplit.begin(), kSplit.end());
  return keys;
}

void add_task(DecidedKeys& decided, const task::TaskDescription& task) {
  Texts names, kinds, positives;
  std::vector<double> weights;
  for (const task::TargetDescription& d : task.targets) {
    names.push_back(d.target.name);
    kinds.push_back(task::name_of(d.target.task));
    positives.push_back(d.target.positive);
    weights.push_back(d.target.weight);
  }
  decided["task"] = task::name_of(task);
  decided["task.target"] = task.is_multitask || names.empty() ? std::string() : names.front();
  decided["task.targets"] = task.is_multitask ? names : Texts{};
  decided["task.kinds"] = kinds;
  decided["task.positive"] = positives;
  decided["task.weights"] = weights;
  decided["task.confounds"] = task.confounds.names();
  decided.try_emplace("task.shuffle_labels", false);
}

bool is_empty_list(const config::Value& value) {
  return std::visit(
      [](const auto& v) {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::string>)
          return false;
        else if constexpr (requires { v.empty(); })
          return v.empty();
        else
          return false;
      },
      value);
}

bool same_column(const io::Cohort* cohort, const std::string& a, const std::string& b) {
  if (a == b) return true;
  if (cohort == nullptr || a.empty() || b.empty()) return false;
  const auto* column = task::find_phenotype(*cohort, a);
  return column != nullptr && column == task::find_phenotype(*cohort, b);
}

bool same(const std::string& key, const config::Value& given, const config::Value& decided, const io::Cohort* cohort) {
  if (given == decided) return true;
  if (key == "task.target") return same_column(cohort, std::get<std::string>(given), std::get<std::string>(decided));
  if (key == "task.targets" || key == "task.confounds")
    return std::ranges::equal(std::get<Texts>(given), std::get<Texts>(decided),
                              [&](const auto& a, const auto& b) { return same_column(cohort, a, b); });
  if (key == "task.kinds")  // [] and auto: as inferred
    return is_empty_list(given) || is_empty_list(decided) ||
           std::ranges::equal(std::get<Texts>(given), std::get<Texts>(decided),
                              [](const auto& a, const auto& b) { return a == b || a == "auto" || b == "auto"; });
  const auto all_default = [](const config::Value& value) {
    if (const auto* texts = std::get_if<Texts>(&value))
      return std::ranges::all_of(*texts, [](const std::string& text) { return text.empty(); });
    const auto* numbers = std::get_if<std::vector<double>>(&value);
    return numbers != nullptr && std::ranges::all_of(*numbers, [](double x) { return x == 1.0; });
  };
  if (key == "task.positive" || key == "task.weights") return all_default(given) && all_default(decided);
  return false;
}

DecidedKeys decided_by(const config::Config& run) {
  DecidedKeys decided;
  for (const std::string& key : decided_keys(run.schema())) decided[key] = run.value(key);
  return decided;
}

// The weights hold what `auto` became, and are there without a run.
void add_metadata(DecidedKeys& decided, const io::SafetensorsFile& weights) {
  const auto text = weights.metadata().find(task::kTaskKey);
  if (text != weights.metadata().end())
    if (const auto task = task::described_task(text->second)) add_task(decided, *task);
  if (weights.metadata().contains(kModelKey)) {
    const models::Description model = described_model(weights);
    decided[std::string(config::kFamilyKey)] = std::string(model.family->name);
    for (const auto& [name, value] : model.keys) decided[name] = value;
  }
}

void check(const config::Config& given, const DecidedKeys& decided, const std::string& source,
           const io::Cohort* cohort) {
  Texts asked, trained;
  for (const std::string& key : decided_keys(given.schema())) {
    const auto found = decided.find(key);
    if (found == decided.end() || !given.schema().find(key) || !given.is_set(key)) continue;
    if (same(key, given.value(key), found->second, cohort)) continue;
    asked.push_back(fmt::format("{}={}", key, given.is_word(key) ? "auto" : config::to_yaml(given.value(key))));
    trained.push_back(fmt::format("{}={}", key, config::to_yaml(found->second)));
  }
  if (asked.empty()) return;
  // The other keys of another family are none of this model's.
  const auto family = decided.find(std::string(config::kFamilyKey));
  if (family != decided.end() && asked.size() == 1 && asked.front().starts_with(config::kFamilyKey))
    throw UsageError(fmt::format("{}: the model of {} is of the family {}: leave model= and {} out", asked.front(),
                                 source, std::get<std::string>(family->second), config::kFamilyKey));
  throw UsageError(fmt::format("{}: the model of {} has {}: leave {} out, or name a model that was trained so",
                               fmt::join(asked, ", "), source, fmt::join(trained, ", "),
                               asked.size() == 1 ? "it" : "them"));
}

}  // namespace

void check_given(const config::Config& given, const std::optional<config::Config>& run,
                 const std::filesystem::path& weights, const io::Cohort& cohort) {
  DecidedKeys decided;
  if (run) decided = decided_by(*run);
  add_metadata(decided, io::SafetensorsFile::open(weights));
  const std::string key = run ? "run.dir" : "weights";
  check(given, decided, fmt::format("{}={}", key, given.get<std::string>(key)), &cohort);
}

void check_given(const config::Config& given, const io::SafetensorsFile& weights, const std::string& source) {
  DecidedKeys decided;
  add_metadata(decided, weights);
  check(given, decided, source, nullptr);
}

void check_given(const config::Config& given, const config::Config& run, const std::string& source) {
  check(given, decided_by(run), source, nullptr);
}

}  // namespace brainmt::run
