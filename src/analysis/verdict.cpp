// What a comparison says of a target, in sentences.
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "analysis/comparison.hpp"
#include "analysis/report_data.hpp"
#include "analysis/shown_numbers.hpp"

namespace brainmt::analysis {
namespace {

using Scores = std::vector<const ModelScore*>;

const std::string& name_of(const ModelComparison& all, std::size_t model) { return all.models.models[model].name; }

// Of the models that predict the target, those with a value, or those without.
Scores scores_of(const ModelComparison& all, const TargetComparison& target, bool defined) {
  Scores scores;
  for (std::size_t m = 0; m < all.models.models.size(); ++m)
    if (const ModelScore* score = target.score(m); score != nullptr && std::isfinite(score->estimate.value) == defined)
      scores.push_back(score);
  return scores;
}

// Those of the best value: several where they are equal.
Scores best_of(const Scores& scores, const std::string& metric) {
  Scores best;
  for (const ModelScore* score : scores) {
    const double gain =
        best.empty() ? 0 : (larger_is_better(metric) ? 1 : -1) * (score->estimate.value - best.front()->estimate.value);
    if (gain > 0) best.clear();
    if (best.empty() || gain == 0) best.push_back(score);
  }
  return best;
}

std::string headline(const ModelComparison& all, const TargetComparison& target, const Scores& best) {
  const Estimate& first = best.front()->estimate;
  std::string value = fmt::format("{} {}", metric_label(target.metric), shown(first.value));
  if (std::ranges::all_of(best,
                          [&](const ModelScore* s) { return shown_interval(s->estimate) == shown_interval(first); }))
    value += fmt::format(" {}", shown_interval(first));
  std::vector<std::string> names;
  for (const ModelScore* score : best) names.push_back(name_of(all, score->model));
  return best.size() == 1 ? fmt::format("{} predicts {} best: {}.", names.front(), target.target.name, value)
                          : fmt::format("{} predict {} equally well: {}.", in_words(names), target.target.name, value);
}

std::string chance_sentence(const TargetComparison& target, const Scores& scores, const Scores& best) {
  const auto chance = chance_of(target.metric);
  const auto excludes = [&](const ModelScore* s) { return !(s->estimate.low <= *chance); };
  if (!chance || std::ranges::any_of(best, excludes)) return {};
  const std::string nothing = std::ranges::any_of(scores, excludes)
                                  ? "."
                                  : fmt::format(": nothing here is shown to predict {}.", target.target.name);
  if (std::ranges::any_of(best, [&](const ModelScore* s) { return s->estimate.high < *chance; }))
    return " That is below chance" + nothing;
  return (best.size() == 1 ? " Its interval includes chance" : " Their intervals include chance") + nothing;
}

std::string difference_sentence(const ModelComparison& all, const TargetComparison& target, const Scores& best) {
  constexpr double kLevel = 0.05;
  const auto is_best = [&](std::size_t m) { return std::ranges::find(best, m, &ModelScore::model) != best.end(); };
  std::set<std::size_t> tested, close;
  double p = 0;
  for (const PairScore& pair : target.pairs) {
    if (is_best(pair.a) == is_best(pair.b) || !std::isfinite(pair.p_holm)) continue;
    const std::size_t other = is_best(pair.a) ? pair.b : pair.a;
    tested.insert(other);
    p = std::max(p, pair.p_holm);
    if (!(pair.p_holm < kLevel)) close.insert(other);
  }
  if (tested.empty()) return {};
  const bool one = best.size() == 1;
  std::vector<std::string> names;
  for (const std::size_t m : close) names.push_back(name_of(all, m));
  if (!close.empty())
    return fmt::format(" {} not differ beyond chance from {} (Holm's p is not below 0.05).",
                       one ? "It does" : "They do", fmt::join(names, ", "));
  const std::string from = tested.size() == 1 ? "the other, " + name_of(all, *tested.begin())
                                              : std::string("every other model compared with ") + (one ? "it" : "them");
  return fmt::format(" {} from {} (Holm's p {}).", one ? "It differs" : "They differ", from,
                     tested.size() == 1 ? "= " + shown_p(p) : "below 0.05");
}

// Models without a value: a constant prediction has no correlation.
std::string undefined_sentence(const ModelComparison& all, const TargetComparison& target) {
  std::vector<std::string> names;
  for (const ModelScore* score : scores_of(all, target, /*defined=*/false)) names.push_back(name_of(all, score->model));
  if (names.empty()) return {};
  const bool one = names.size() == 1;
  return fmt::format(" {} {} no {} and {} not compared.", in_words(names), one ? "has" : "have", target.metric,
                     one ? "is" : "are");
}

}  // namespace

std::string verdict(const ModelComparison& all, const TargetComparison& target) {
  const Scores scores = scores_of(all, target, /*defined=*/true);
  if (scores.empty()) return {};
  const Scores best = best_of(scores, target.metric);
  std::vector<Estimate> estimates;
  for (const ModelScore* score : scores) estimates.push_back(score->estimate);
  const std::string note = no_width_note(estimates, target.metric);
  return headline(all, target, best) + chance_sentence(target, scores, best) + difference_sentence(all, target, best) +
         undefined_sentence(all, target) + (note.empty() ? "" : " " + note);
}

}  // namespace brainmt::analysis
