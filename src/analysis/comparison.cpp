#include "analysis/comparison.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "analysis/shown_numbers.hpp"
#include "base/error.hpp"
#include "base/nearest.hpp"

namespace brainmt::analysis {
namespace {

std::size_t reference_of(const ComparedModels& models, const std::string& name) {
  if (name.empty()) return 0;
  std::vector<std::string> names;
  for (const ComparedModel& model : models.models) names.push_back(model.name);
  const auto found = std::ranges::find(names, name);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  for (std::size_t m = 0; m < names.size(); ++m)
    if (models.models[m].folder == name) return m;
  const std::string nearest = nearest_name(name, names);
  throw UsageError(fmt::format("reference={}: expected one of {}{}", name, fmt::join(names, ", "),
                               nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest)));
}

void check_metric(const std::vector<TargetKind>& targets, const std::string& metric) {
  if (metric.empty()) return;
  std::vector<std::string> known;
  for (const TargetKind& target : targets)
    for (const std::string& name : metric_names(target.task))
      if (std::ranges::find(known, name) == known.end()) known.push_back(name);
  if (std::ranges::find(known, metric) == known.end())
    throw UsageError(fmt::format("metric={}: expected one of {}", metric, fmt::join(known, ", ")));
}

void add_scores(TargetComparison& of, const ComparedModels& models, const Resampling& resampling) {
  std::vector<std::string> metrics{of.metric};
  for (const std::string& name : metric_names(of.target.task))
    if (name != of.metric) metrics.push_back(name);
  for (std::size_t m = 0; m < models.models.size(); ++m) {
    const auto found = models.models[m].targets.find(of.target.name);
    if (found == models.models[m].targets.end()) continue;
    const Repeats& repeats = found->second.repeats;
    for (const std::string& metric : metrics)
      of.scores.push_back({m, metric, estimate(repeats, metric, of.target.task, resampling), repeats.size()});
  }
}

void add_pairs(TargetComparison& of, const ModelComparison& all, bool all_pairs) {
  const auto& models = all.models.models;
  for (std::size_t i = 0; i < models.size(); ++i)
    for (std::size_t j = i + 1; j < models.size(); ++j) {
      if (of.score(i) == nullptr || of.score(j) == nullptr) continue;
      if (!all_pairs && i != all.reference && j != all.reference) continue;
      PairScore pair{.a = i, .b = j, .result = {}};
      if (i == all.reference) std::swap(pair.a, pair.b);
      const auto [a, b] = aligned(models[pair.a], models[pair.b], of.target.name);
      pair.result = compare(a, b, of.metric, of.target.task, all.resampling);
      pair.overlap = overlap(models[pair.a], models[pair.b]);
      of.pairs.push_back(std::move(pair));
    }
}

// One family of tests: all pairs of all targets.
void correct(std::vector<TargetComparison>& targets) {
  const auto adjust = [&](double Comparison::*from, double PairScore::*to) {
    std::vector<double> p;
    for (const TargetComparison& target : targets)
      for (const PairScore& pair : target.pairs) p.push_back(pair.result.*from);
    const std::vector<double> adjusted = holm(p);
    std::size_t next = 0;
    for (TargetComparison& target : targets)
      for (PairScore& pair : target.pairs) pair.*to = adjusted[next++];
  };
  adjust(&Comparison::p, &PairScore::p_holm);
  adjust(&Comparison::p_delong, &PairScore::p_delong_holm);
}

std::string lines_of(const ModelComparison& all, const TargetComparison& target) {
  const auto& models = all.models.models;
  std::size_t width = 0;
  for (const ComparedModel& model : models) width = std::max(width, model.name.size());
  std::string text =
      fmt::format("{} of {}, {}, 95 % interval over {}\n", target.metric, target.target.name, part_in_words(all.part),
                  all.blocks.empty() ? "participants" : "blocks of " + all.blocks);
  for (std::size_t m = 0; m < models.size(); ++m) {
    const ModelScore* score = target.score(m);
    if (score == nullptr) continue;
    text += fmt::format("{:<{}}  {:>6}  {:<16}  {} participants{}\n", models[m].name, width,
                        shown(score->estimate.value), shown_interval(score->estimate), score->estimate.participants,
                        score->repeats > 1 ? fmt::format(", {} seeds", score->repeats) : "");
  }
  if (target.pairs.empty()) return text;
  text += "paired differences over the same participants; p by permutation, then Holm's over all pairs\n";
  std::size_t others = 0;
  for (const PairScore& pair : target.pairs) {
    if (pair.b != all.reference) {
      ++others;
      continue;
    }
    const Comparison& c = pair.result;
    const std::string test =
        std::isfinite(c.p_delong) ? fmt::format("  DeLong {}", shown_p(c.p_delong)) : std::string();
    text += fmt::format("{:<{}}  minus {}  {:>6}  {:<16}  p = {:<7} Holm {:<7}{}  n = {}\n", models[pair.a].name, width,
                        models[pair.b].name, shown(c.difference.value), shown_interval(c.difference), shown_p(c.p),
                        shown_p(pair.p_holm), test, c.difference.participants);
  }
  if (others > 0) text += fmt::format("{} more pairs are in comparison.tsv\n", others);
  return text;
}

}  // namespace

const ModelScore* TargetComparison::score(std::size_t model) const {
  for (const ModelScore& one : scores)
    if (one.model == model && one.metric == metric) return &one;
  return nullptr;
}

ModelComparison compare_models(ComparedModels models, const ComparisonSettings& settings) {
  check_metric(models.targets, settings.metric);
  ModelComparison all{.models = std::move(models),
                      .part = settings.part,
                      .blocks = settings.blocks,
                      .resampling = settings.resampling,
                      .targets = {}};
  all.reference = reference_of(all.models, settings.reference);
  std::size_t people = 0;
  for (const TargetKind& target : all.models.targets) {
    const auto& names = metric_names(target.task);
    const bool has_it = std::ranges::find(names, settings.metric) != names.end();
    TargetComparison of{
        .target = target, .metric = has_it ? settings.metric : names.front(), .scores = {}, .pairs = {}};
    add_scores(of, all.models, settings.resampling);
    add_pairs(of, all, settings.all_pairs);
    for (const PairScore& pair : of.pairs) people += pair.result.difference.participants;
    all.targets.push_back(std::move(of));
  }
  if (people == 0)
    throw DataError("no two of these models predict a target of the same participants: nothing to compare");
  correct(all.targets);
  return all;
}

std::string comparison_text(const ModelComparison& all) {
  std::string text;
  for (const TargetComparison& target : all.targets) {
    text += lines_of(all, target);
    if (const std::string sentences = verdict(all, target); !sentences.empty()) text += sentences + "\n";
  }
  return text;
}

}  // namespace brainmt::analysis
