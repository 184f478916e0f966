#include "analysis/run_baselines.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/imported_table.hpp"
#include "analysis/report_data.hpp"
#include "analysis/result_files.hpp"
#include "analysis/shown_numbers.hpp"
#include "base/error.hpp"
#include "base/log.hpp"

namespace brainmt::analysis {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> folders_in(const fs::path& path) {
  std::vector<fs::path> folders;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(path, missing))
    if (entry.is_directory()) folders.push_back(entry.path());
  std::ranges::sort(folders);
  return folders;
}

}  // namespace

std::string baseline_title(const std::string& name) {
  static const std::map<std::string, std::string> kTitles{{"mean", "training mean"},
                                                          {"confounds", "confounds alone"},
                                                          {"ridge", "ridge on connectivity"},
                                                          {"krr", "kernel ridge on connectivity"},
                                                          {"logistic", "logistic regression on connectivity"},
                                                          {"xgboost", "XGBoost on connectivity"}};
  const auto found = kTitles.find(name);
  return found == kTitles.end() ? name : found->second;
}

std::string how_to_make_baselines(const std::string& run) {
  return fmt::format(
      "No baseline on connectivity with this split stands beside the model: 'brainmt baseline run.dir={} "
      "fc=FC.h5' makes them.",
      run);
}

std::vector<RunBaseline> baselines_of(const fs::path& run, const std::string& part) {
  std::vector<RunBaseline> baselines;
  std::optional<task::Split> split;
  for (const fs::path& folder : folders_in(run / "baselines")) {
    if (!fs::exists(folder / result_file("predictions.tsv", part))) continue;
    try {
      if (!split) split = task::load_split(run / "split.json");
      const PredictionSource source = read_source(folder, part);
      if (!source.split || !same_parts(*source.split, *split)) {
        log::warn("{}: left out, its split is not that of {}", folder.string(), run.string());
        continue;
      }
      const std::string name = folder.filename().string();
      RunBaseline& baseline = baselines.emplace_back(RunBaseline{name, baseline_title(name), {}});
      for (const TargetKind& target : source.targets)
        baseline.targets[target.name] = predictions_of(source, target, part);
    } catch (const Error& error) {
      log::warn("{}: left out: {}", folder.string(), error.what());
    }
  }
  return baselines;
}

std::vector<BaselineScore> score_baselines(const Repeats& model,
                                           const std::vector<std::pair<std::string, Repeats>>& baselines,
                                           const std::string& metric, task::Task task, const Resampling& resampling) {
  std::vector<BaselineScore> scores;
  std::vector<double> p;
  for (const auto& [title, repeats] : baselines) {
    scores.push_back(
        {title, estimate(repeats, metric, task, resampling), compare(repeats, model, metric, task, resampling)});
    p.push_back(scores.back().difference.p);
  }
  const std::vector<double> adjusted = holm(p);
  for (std::size_t i = 0; i < scores.size(); ++i) scores[i].p_holm = adjusted[i];
  return scores;
}

std::string sentence_of_winner(const std::vector<BaselineScore>& baselines, const std::string& model,
                               const std::string& target, const std::string& metric) {
  const double sign = larger_is_better(metric) ? 1 : -1;
  const BaselineScore* best = nullptr;
  std::vector<std::string> names;  // several where they are equal
  double p = 0;                    // the largest of theirs
  for (const BaselineScore& one : baselines) {
    const double gain = sign * one.difference.difference.value;
    if (!(gain > 0)) continue;
    const double more = best == nullptr ? gain : gain - sign * best->difference.difference.value;
    const bool is_tie = best != nullptr && more == 0 && one.difference.value_a == best->difference.value_a;
    if (!(more > 0) && !is_tie) continue;
    if (!is_tie) names.clear(), best = &one, p = one.p_holm;
    names.push_back(one.title);
    p = std::max(p, one.p_holm);
  }
  if (best == nullptr) return {};
  const Comparison& c = best->difference;
  constexpr double kLevel = 0.05;
  return fmt::format("{} {} better than {}{}: {}, {} {} against {} (difference {} {}, Holm's p = {}, {} participants).",
                     names.size() == 1 ? "A baseline predicts" : "Baselines predict", target, model,
                     p < kLevel ? "" : ", though not beyond chance", in_words(names), metric_label(metric),
                     shown(c.value_a), shown(c.value_b), shown(c.difference.value), shown_interval(c.difference),
                     shown_p(p), c.difference.participants);
}

}  // namespace brainmt::analysis
