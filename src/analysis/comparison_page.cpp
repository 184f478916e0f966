// comparison.html: what is best, all models on one axis, every difference, and how two predictions agree.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <nlohmann/json.hpp>

#include "analysis/comparison.hpp"
#include "analysis/comparison_figures.hpp"
#include "analysis/report_data.hpp"
#include "analysis/report_figures.hpp"
#include "analysis/shown_numbers.hpp"

namespace brainmt::analysis {
namespace {

using Align = Table::Align;

constexpr std::size_t kColours = 6;   // of the palette
constexpr std::size_t kMaxPairs = 6;  // drawn one by one; the tables have all

// Whole names are in the tables of files.
std::string name_of(const ModelComparison& all, std::size_t model) { return short_name(all.models.models[model].name); }

std::string tasks_of(const ModelComparison& all) {
  std::string text;
  for (const TargetComparison& target : all.targets)
    text += fmt::format("{}{} of {}", text.empty() ? "" : ", ", task::name_of(target.target.task), target.target.name);
  text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text;
}

std::size_t colour_of(std::size_t model) { return model % kColours; }

Figure values_figure(const ModelComparison& all, const TargetComparison& target) {
  std::vector<ForestRow> rows;
  for (std::size_t m = 0; m < all.models.models.size(); ++m)
    if (const ModelScore* score = target.score(m)) rows.push_back({name_of(all, m), score->estimate, colour_of(m)});
  const ModelScore* reference = target.score(all.reference);
  const std::string metric = metric_label(target.metric);
  return forest_figure(metric + " of each model", fmt::format("{} of {}", metric, target.target.name), rows,
                       reference == nullptr ? std::nullopt : std::optional(reference->estimate.value),
                       fmt::format("Bars: 95 % bootstrap intervals. Dashed: {}. Intervals that overlap do not say that "
                                   "two models are alike: the differences do.",
                                   name_of(all, all.reference)));
}

Figure differences_figure(const ModelComparison& all, const TargetComparison& target) {
  std::vector<ForestRow> rows;
  for (const PairScore& pair : target.pairs)
    if (pair.b == all.reference) rows.push_back({name_of(all, pair.a), pair.result.difference, colour_of(pair.a)});
  if (rows.empty()) return {};
  const std::string metric = metric_label(target.metric);
  return forest_figure(fmt::format("Difference from {}", name_of(all, all.reference)),
                       fmt::format("{} minus that of the reference", metric), rows, 0.0,
                       fmt::format("Over the same participants. {} of the dashed line: better than {}.",
                                   larger_is_better(target.metric) ? "Right" : "Left", name_of(all, all.reference)));
}

Table models_of(const ModelComparison& all, const TargetComparison& target) {
  Table table{.columns = {{"model"}}, .rows = {}};
  std::vector<std::string> metrics{target.metric};
  for (const std::string& metric : metric_names(target.target.task))
    if (metric != target.metric) metrics.push_back(metric);
  for (const std::string& metric : metrics) table.columns.push_back({metric_label(metric), Align::kNumber});
  table.columns.push_back({"n", Align::kNumber});
  for (std::size_t m = 0; m < all.models.models.size(); ++m) {
    const ModelScore* main = target.score(m);
    if (main == nullptr) continue;
    std::vector<std::string> row{name_of(all, m)};
    for (const std::string& metric : metrics)
      for (const ModelScore& score : target.scores)
        if (score.model == m && score.metric == metric)
          row.push_back(fmt::format("{} {}", shown(score.estimate.value),
                                    std::isfinite(score.estimate.low) ? shown_interval(score.estimate) : ""));
    row.push_back(fmt::format("{}", main->estimate.participants));
    table.rows.push_back(std::move(row));
  }
  return table;
}

// Those with the reference, or the others.
Table pairs_of(const ModelComparison& all, const TargetComparison& target, bool with_reference) {
  const bool delong =
      std::ranges::any_of(target.pairs, [](const PairScore& p) { return std::isfinite(p.result.p_delong); });
  // What is read first stands first: a narrow window cuts the table.
  Table table{.columns = {{"difference"},
                          {metric_label(target.metric), Align::kNumber},
                          {"p, Holm", Align::kNumber},
                          {"95 % interval", Align::kNumber},
                          {"p", Align::kNumber}},
              .rows = {}};
  if (delong) table.columns.push_back({"DeLong p", Align::kNumber});
  table.columns.push_back({"n", Align::kNumber});
  for (const PairScore& pair : target.pairs) {
    if ((pair.b == all.reference) != with_reference) continue;
    const Comparison& c = pair.result;
    std::vector<std::string> row{fmt::format("{} − {}", short_name(all.models.models[pair.a].name, 24),
                                             short_name(all.models.models[pair.b].name, 24)),
                                 shown(c.difference.value), shown_p(pair.p_holm), shown_interval(c.difference),
                                 shown_p(c.p)};
    if (delong) row.push_back(shown_p(c.p_delong));
    row.push_back(fmt::format("{}", c.difference.participants));
    table.rows.push_back(std::move(row));
  }
  return table;
}

// ROC curves of the first six models, of the mean of the logits over repeats.
Figure curves_of(const ModelComparison& all, const TargetComparison& target) {
  std::vector<TargetResult> results;
  std::vector<std::size_t> models;
  for (std::size_t m = 0; m < all.models.models.size() && models.size() < kColours; ++m) {
    if (target.score(m) == nullptr) continue;
    const Repeats& repeats = all.models.models[m].targets.at(target.target.name).repeats;
    TargetResult& result = results.emplace_back();
    result.target = target.target.name;
    result.is_classification = true;
    for (const BothPredictions& p : both_predictions(repeats, repeats)) {
      ScoredPrediction one;
      one.truth = p.truth;
      one.logit = p.a;
      result.predictions.push_back(one);
    }
    models.push_back(m);
  }
  std::vector<NamedResult> named;
  for (std::size_t i = 0; i < results.size(); ++i) named.push_back({name_of(all, models[i]), &results[i]});
  Figure figure = roc_figure(named);
  if (all.models.models.size() > kColours) figure.note += fmt::format(". The first {} models", kColours);
  return figure;
}

void add_agreement(HtmlPage& page, const ModelComparison& all, const TargetComparison& target) {
  std::size_t drawn = 0;
  for (const PairScore& pair : target.pairs) {
    if (pair.b != all.reference || pair.result.difference.participants == 0 || drawn++ >= kMaxPairs) continue;
    const std::string a = name_of(all, pair.a), b = name_of(all, pair.b);
    const auto [of_a, of_b] = aligned(all.models.models[pair.a], all.models.models[pair.b], target.target.name);
    const auto people = both_predictions(of_a, of_b);
    page.subsection(fmt::format("{} beside {}", a, b));
    const Figure both = agreement_figure(people, a, b, target.target, all.models.classes_of(target.target.name));
    if (target.target.task == task::Task::kClassification)
      page.beside(agreement_table(people, a, b), both);
    else
      page.figures(std::vector<Figure>{both, bland_altman_figure(people, a, b)});
  }
}

void add_target(HtmlPage& page, const ModelComparison& all, const TargetComparison& target) {
  page.section(fmt::format("{}: {}", target.target.name, metric_label(target.metric)),
               fmt::format("Over the {}. Intervals and differences {}.", part_in_words(all.part),
                           all.blocks.empty() ? "resample participants"
                                              : fmt::format("resample whole blocks of {}", all.blocks)));
  std::vector<Figure> figures{values_figure(all, target)};
  if (Figure differences = differences_figure(all, target); !differences.svg.empty())
    figures.push_back(std::move(differences));
  if (target.target.task == task::Task::kClassification) figures.push_back(curves_of(all, target));
  page.figures(figures);
  page.table(models_of(all, target));
  page.subsection("Paired differences");
  page.table(pairs_of(all, target, /*with_reference=*/true));
  if (const Table others = pairs_of(all, target, /*with_reference=*/false); !others.rows.empty())
    page.folded_table(fmt::format("The other {} pairs", others.rows.size()), others);
  add_agreement(page, all, target);
}

void add_methods(HtmlPage& page, const ModelComparison& all) {
  page.section("How these numbers are made");
  page.paragraph(
      "A difference is over the participants that both models predict. Its interval resamples them with all their "
      "predictions; p swaps the two models' predictions and counts how often the difference becomes as large (all "
      "swaps where there are few participants, else random ones). Holm's p allows for the number of comparisons on this "
      "page. DeLong's test is another p for two AUROCs, from their ranks. Several seeds of a model count once a "
      "participant.");
  Table table{.columns = {{"what"}, {"value"}}, .rows = {}};
  table.rows.push_back({"reference", name_of(all, all.reference)});
  table.rows.push_back({"resamples, permutations", fmt::format("{}, at most {}; seed {}", all.resampling.resamples,
                                                               all.resampling.permutations, all.resampling.seed)});
  table.rows.push_back({"blocks", all.blocks.empty() ? "none: every participant alone" : all.blocks});
  page.table(table);
  Table inputs{.columns = {{"model"}, {"predictions"}, {"SHA-256"}}, .rows = {}};
  for (const auto& input : inputs_json(all.models, all.part))
    inputs.rows.push_back({input["model"].get<std::string>(), input["predictions"].get<std::string>(),
                           input["sha256"].get<std::string>().substr(0, 12)});
  page.folded_table("Files", inputs);
}

}  // namespace

std::string comparison_page(const ModelComparison& all, const std::string& footer) {
  HtmlPage page(fmt::format("{} models beside each other", all.models.models.size()),
                fmt::format("{}: over the same participants ({}).", tasks_of(all), part_in_words(all.part)));
  page.section("What it says");
  for (const TargetComparison& target : all.targets)
    if (const std::string text = verdict(all, target); !text.empty()) page.paragraph(text);
  for (const ComparedModel& model : all.models.models) {
    for (const std::string& note : model.notes) page.paragraph(fmt::format("{}: {}.", model.name, note));
    for (const auto& [target, predictions] : model.targets)
      if (predictions.missing > 0)
        page.paragraph(fmt::format("{} predicts {} of all but {} participants who have it.", model.name, target,
                                   predictions.missing));
  }
  for (const TargetComparison& target : all.targets) add_target(page, all, target);
  add_methods(page, all);
  return page.document(footer);
}

}  // namespace brainmt::analysis
