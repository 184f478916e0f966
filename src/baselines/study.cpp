#include "baselines/study.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.hpp"
#include "base/nearest.hpp"
#include "io/printable.hpp"
#include "linalg/parallel.hpp"

namespace brainmt::baselines {
namespace {

using Json = nlohmann::ordered_json;
using task::Part;

constexpr const char* kEdgeHeader = "index_a\tindex_b\tname_a\tname_b";

Method method_of(const std::string& model, bool classes) {
  if (model == "krr") return Method::kKernelRidge;
  if (model == "ridge") return Method::kRidge;
  return model == "confounds" && !classes ? Method::kRidge : Method::kLogistic;
}

// Of columns that are few: those of probes (10^-3 to 10^6), which do not grow with the columns.
std::vector<double> lambdas_of_confounds() {
  std::vector<double> lambdas;
  for (int power = -3; power <= 6; ++power) lambdas.push_back(std::pow(10.0, power));
  return lambdas;
}

std::string number(double value) { return std::isfinite(value) ? fmt::format("{}", value) : "n/a"; }

// A score near 0 and 1 as if it were a logit: its first order at the threshold, prob = 1/2 + (score - threshold).
double logit_of(double score, double threshold) { return 4 * (score - threshold); }

TextTable choice_table(const Choice& choice) {
  TextTable table{.header = "lambda\terror", .lines = {}};
  for (std::size_t f = 0; f < choice.fold_error.front().size(); ++f) table.header += fmt::format("\tfold{}", f + 1);
  table.header += "\tchosen";
  for (std::size_t l = 0; l < choice.lambda.size(); ++l) {
    std::string line = fmt::format("{}\t{}", choice.lambda[l], number(choice.error[l]));
    for (const double error : choice.fold_error[l]) line += "\t" + number(error);
    table.lines.push_back(line + (l == choice.best ? "\t1" : "\t0"));
  }
  return table;
}

TextTable grid_table(const BoostedFit& fit) {
  TextTable table{.header = "depth\teta\tlambda\trounds\terror\tchosen", .lines = {}};
  for (std::size_t g = 0; g < fit.grid.size(); ++g) {
    const GridPoint& p = fit.grid[g];
    table.lines.push_back(
        fmt::format("{}\t{}\t{}\t{}\t{}\t{}", p.depth, p.eta, p.lambda, p.rounds, p.error, g == fit.best ? 1 : 0));
  }
  return table;
}

TextTable coefficient_table(std::string header, const std::vector<std::string>& names, const std::vector<double>& first,
                            const std::vector<double>& second) {
  TextTable table{.header = std::move(header), .lines = {}};
  for (std::size_t e = 0; e < names.size(); ++e)
    table.lines.push_back(fmt::format("{}\t{}\t{}", names[e], number(first[e]), number(second[e])));
  return table;
}

// Who has features, with the rows of these.
struct WithFeatures {
  Rows rows, subjects;
};

WithFeatures with_features(const std::vector<std::optional<std::size_t>>& row_of) {
  WithFeatures people;
  for (std::size_t i = 0; i < row_of.size(); ++i)
    if (row_of[i]) people.rows.push_back(*row_of[i]), people.subjects.push_back(i);
  return people;
}

// Of classes that are fitted as 0 and 1: by the predictions of the inner folds.
double threshold_of(const Choice& choice, const std::vector<double>& y) {
  std::vector<double> held_out;
  for (std::size_t i = 0; i < y.size(); ++i) held_out.push_back(choice.held_out(i, choice.best));
  return best_threshold(held_out, y);
}

// Coefficients with their patterns, penalties, tensors and facts of a linear model.
void describe_linear(const EdgeMatrix& x, const Rows& rows, const Design& design, const LinearFit& linear,
                     const Choice& choice, const std::vector<std::string>& names, const std::string& header,
                     FittedTarget& fit) {
  const EdgeStatistics& statistics = design.statistics();
  linalg::Matrix fitted(rows.size(), 1);
  std::ranges::copy(predict(design, linear, rows), fitted.values.begin());
  const linalg::Matrix haufe = haufe_patterns(x, statistics, rows, fitted);
  std::vector<double> weight = linear.weight, pattern(haufe.values.begin(), haufe.values.end());
  for (std::size_t e = 0; e < weight.size(); ++e)
    if (statistics.kept[e] == 0) weight[e] = pattern[e] = std::numeric_limits<double>::quiet_NaN();
  fit.coefficients = coefficient_table(header + "\tweight\thaufe", names, weight, pattern);
  fit.choice = choice_table(choice);
  fit.tensors = {{"intercept", {linear.intercept}},
                 {"weight", linear.weight},
                 {"mean", statistics.mean},
                 {"sd", statistics.sd},
                 {"kept", {statistics.kept.begin(), statistics.kept.end()}}};
  fit.facts = Json{{"n", rows.size()},
                   {"lambda", choice.lambda[choice.best]},
                   {"inner_error", choice.error[choice.best]},
                   {"folds", choice.fold_error.front().size()},
                   {"features", x.edges()},
                   {"dropped_missing", statistics.dropped()},
                   {"constant", statistics.constant()},
                   {"values_filled", statistics.filled()}}
                  .dump();
}

}  // namespace

const std::vector<std::string>& model_names() {
  static const std::vector<std::string> names{"mean", "confounds", "ridge", "krr", "logistic", "xgboost"};
  return names;
}

bool needs_connectivity(const std::string& model) { return model != "mean" && model != "confounds"; }

StudySettings StudySettings::from_config(const config::Config& config) {
  using Texts = std::vector<std::string>;
  return {.models = config.get<Texts>("models"),
          .confounds = config.get<Texts>("baseline.confounds"),
          .lambda = config.get<std::vector<double>>("baseline.lambda"),
          .folds = config.get<int>("baseline.folds"),
          .use_val = config.get<bool>("baseline.use_val"),
          .seed = static_cast<std::uint64_t>(config.get<std::int64_t>("run.seed")),
          .boosted = BoostedSettings::from_config(config)};
}

Study::Study(const task::TrainingData& data, const Connectivity* connectivity, StudySettings settings)
    : data_(data), connectivity_(connectivity), settings_(std::move(settings)) {
  const bool named = !settings_.models.empty();
  if (settings_.confounds.empty()) settings_.confounds = data.data.columns().confounds;
  if (settings_.confounds.empty()) settings_.confounds = usual_confounds(data);
  bool some_classes = false;
  for (std::size_t k = 0; k < data.outputs(); ++k) some_classes = some_classes || is_classes(k);
  for (const std::string& model : named ? settings_.models : model_names()) {
    if (std::ranges::find(model_names(), model) == model_names().end()) {
      const std::string nearest = nearest_name(model, model_names());
      throw UsageError(fmt::format("models: no baseline {}{}; there are {}", io::printable(model),
                                   nearest.empty() ? "" : fmt::format(", did you mean '{}'?", nearest),
                                   fmt::join(model_names(), ", ")));
    }
    std::string why;
    if (needs_connectivity(model) && connectivity == nullptr)
      why = "it needs connectivity: give fc=, a file of 'brainmt fc'";
    else if (model == "confounds" && settings_.confounds.empty())
      why = "the cohort has none of age, sex, site and mean_fd: give baseline.confounds=[...]";
    else if (model == "logistic" && !some_classes)
      why = "it predicts classes: use ridge or krr for a regression";
    else if (model == "xgboost" && !has_xgboost())
      why = kHowToGetXgboost;
    else if (!named && (model == "xgboost" || (model == "ridge" && some_classes && data.outputs() == 1)))
      continue;  // only where they are named
    if (why.empty())
      models_.push_back(model);
    else if (named)
      throw UsageError(fmt::format("models={}: {}", model, why));
  }
}

bool Study::is_classes(std::size_t target) const {
  return data_.task.targets[target].target.task == task::Task::kClassification;
}

std::vector<Part> Study::fitted_parts() const {
  return settings_.use_val ? std::vector{Part::kTrain, Part::kVal} : std::vector{Part::kTrain};
}

std::vector<std::optional<std::size_t>> Study::connectivity_rows() const {
  std::vector<std::optional<std::size_t>> rows;
  for (const task::Subject& subject : data_.data.subjects()) {
    const auto found = connectivity_->row_of.find(subject.id);
    rows.push_back(found == connectivity_->row_of.end() ? std::nullopt : std::optional(found->second));
  }
  return rows;
}

// Those of some parts who have a label, and connectivity where it is needed.
Study::People Study::people_of(std::size_t target, std::span<const Part> parts, bool with_features) const {
  People people;
  for (const Part part : parts) {
    for (const std::size_t i : data_.part(part)) {
      const task::Subject& subject = data_.data.subjects()[i];
      if (!subject.has_label(target)) continue;
      if (with_features && !connectivity_->row_of.contains(subject.id)) continue;
      people.subjects.push_back(i);
      people.y.push_back(subject.labels[target]);
      people.participants.push_back({subject.id, subject.labels[target], subject.group});
    }
  }
  if (people.subjects.empty())
    throw DataError(fmt::format("{}: no training participant with {} has connectivity",
                                data_.data.cohort().path().string(), data_.task.targets[target].target.name));
  return people;
}

FittedModel Study::fit(const std::string& model) {
  FittedModel result{.name = model, .targets = {}};
  const std::vector<Part> parts = fitted_parts();
  ConfoundColumns columns;
  std::vector<std::optional<std::size_t>> rows;
  if (model == "confounds") {
    Rows fitted;
    for (const Part part : parts) fitted.insert(fitted.end(), data_.part(part).begin(), data_.part(part).end());
    columns = confound_columns(data_, settings_.confounds, fitted);
    result.terms = columns.terms;
    for (std::size_t i = 0; i < data_.data.subjects().size(); ++i) rows.emplace_back(i);
  }
  for (std::size_t k = 0; k < data_.outputs(); ++k) {
    if (model == "logistic" && !is_classes(k)) {
      result.warnings.push_back(
          fmt::format("logistic: {} is a regression and has no row here", data_.task.targets[k].target.name));
      continue;
    }
    if (model == "mean") {
      result.targets.push_back(fit_mean(k));
    } else if (model == "confounds") {
      const MatrixView<const double> values{columns.values.data(), columns.terms.size(), rows.size(),
                                            columns.terms.size()};
      result.targets.push_back(fit_linear(model, k, values, rows, columns.terms, "term", result));
    } else if (model == "xgboost") {
      result.targets.push_back(fit_boosted_trees(k, result));
    } else {
      const std::size_t edges = connectivity_->edges;
      const MatrixView<const float> values{connectivity_->values.data(), edges, connectivity_->values.size() / edges,
                                           edges};
      result.targets.push_back(
          fit_linear(model, k, values, connectivity_rows(), connectivity_->edge_names, kEdgeHeader, result));
    }
  }
  return result;
}

FittedTarget Study::fit_mean(std::size_t target) const {
  const People people = people_of(target, fitted_parts(), /*with_features=*/false);
  double mean = 0;
  for (const double y : people.y) mean += y;
  mean /= static_cast<double>(people.y.size());
  const double output = is_classes(target) ? std::log(mean / (1 - mean)) : mean;
  FittedTarget fit{.target = target, .output = {}};
  fit.output.assign(data_.data.subjects().size(), output);
  fit.tensors = {{"intercept", {output}}};
  fit.facts = Json{{"n", people.y.size()}, {"mean", mean}}.dump();
  return fit;
}

FittedTarget Study::fit_linear(const std::string& model, std::size_t target, const EdgeMatrix& x,
                               const std::vector<std::optional<std::size_t>>& row_of,
                               const std::vector<std::string>& names, const std::string& header,
                               FittedModel& result) const {
  const bool classes = is_classes(target);
  const Method method = method_of(model, classes);
  const People people = people_of(target, fitted_parts(), model != "confounds");
  Rows rows;
  for (const std::size_t subject : people.subjects) rows.push_back(*row_of[subject]);
  const InnerFolds folds =
      inner_folds(people.participants, settings_.folds, settings_.seed,
                  classes ? task::Stratify::kClasses : task::Stratify::kQuantiles, result.warnings);
  NestedFit nested(x, method, rows, people.y);
  const std::vector<double> lambdas = !settings_.lambda.empty() ? settings_.lambda
                                      : model == "confounds"    ? lambdas_of_confounds()
                                                                : default_lambdas(method, nested.used_edges());
  const Choice choice = nested.choose(folds, lambdas);
  const std::optional<LinearFit> linear = nested.fit(choice.lambda[choice.best]);
  if (!linear)
    throw NonFiniteError(
        fmt::format("{}: lambda {} fits the inner folds and not all training people: give a larger "
                    "baseline.lambda",
                    model, choice.lambda[choice.best]));

  const WithFeatures predicted = with_features(row_of);
  const std::vector<double> scores = predict(nested.design(), *linear, predicted.rows);
  FittedTarget fit{.target = target, .output = std::vector<std::optional<double>>(row_of.size())};
  describe_linear(x, rows, nested.design(), *linear, choice, names, header, fit);
  const bool is_score = classes && method != Method::kLogistic;
  const double threshold = is_score ? threshold_of(choice, people.y) : 0;
  for (std::size_t i = 0; i < scores.size(); ++i)
    fit.output[predicted.subjects[i]] = is_score ? logit_of(scores[i], threshold) : scores[i];
  if (is_score) {
    Json facts = Json::parse(fit.facts);
    facts["threshold"] = threshold;
    fit.facts = facts.dump();
  }
  return fit;
}

// Training people, and those who stop the rounds: the validation part, or one inner fold where there is none.
Study::Staged Study::staged_people(std::size_t target, const std::vector<std::optional<std::size_t>>& row_of,
                                   FittedModel& result) const {
  const People people = people_of(target, std::array{Part::kTrain}, /*with_features=*/true);
  Staged staged{.train = {.rows = {}, .y = people.y}, .validation = {}, .stopped_on = "validation"};
  for (const std::size_t subject : people.subjects) staged.train.rows.push_back(*row_of[subject]);
  for (const std::size_t i : data_.part(Part::kVal)) {
    if (!data_.data.subjects()[i].has_label(target) || !row_of[i]) continue;
    staged.validation.rows.push_back(*row_of[i]);
    staged.validation.y.push_back(data_.data.subjects()[i].labels[target]);
  }
  if (settings_.use_val)
    result.warnings.push_back("xgboost: baseline.use_val is for the other models: validation people stop its rounds");
  if (!staged.validation.rows.empty()) return staged;
  staged.stopped_on = "one inner fold of training";
  const InnerFolds folds =
      inner_folds(people.participants, settings_.folds, settings_.seed,
                  is_classes(target) ? task::Stratify::kClasses : task::Stratify::kQuantiles, result.warnings);
  Labelled rest;
  for (std::size_t i = 0; i < staged.train.rows.size(); ++i) {
    Labelled& to = folds.fold[i] == 0 ? staged.validation : rest;
    to.rows.push_back(staged.train.rows[i]);
    to.y.push_back(staged.train.y[i]);
  }
  staged.train = std::move(rest);
  return staged;
}

FittedTarget Study::fit_boosted_trees(std::size_t target, FittedModel& result) const {
  const auto row_of = connectivity_rows();
  const auto [train, validation, stopped_on] = staged_people(target, row_of, result);
  const WithFeatures predicted = with_features(row_of);
  const std::size_t edges = connectivity_->edges;
  BoostedFit boosted =
      fit_boosted({connectivity_->values.data(), edges, connectivity_->values.size() / edges, edges}, train, validation,
                  predicted.rows, is_classes(target), settings_.boosted, linalg::threads());
  FittedTarget fit{.target = target, .output = std::vector<std::optional<double>>(row_of.size())};
  for (std::size_t i = 0; i < boosted.output.size(); ++i) fit.output[predicted.subjects[i]] = boosted.output[i];
  fit.coefficients = coefficient_table(fmt::format("{}\tgain\tcover", kEdgeHeader), connectivity_->edge_names,
                                       boosted.gain, boosted.cover);
  fit.choice = grid_table(boosted);
  const GridPoint& best = boosted.grid[boosted.best];
  fit.facts = Json{{"n", train.rows.size()},   {"n_validation", validation.rows.size()},
                   {"stopped_on", stopped_on}, {"depth", best.depth},
                   {"eta", best.eta},          {"lambda", best.lambda},
                   {"rounds", best.rounds},    {"validation_error", best.error},
                   {"features", edges},        {"xgboost", xgboost_version()}}
                  .dump();
  fit.trees = std::move(boosted.model);
  return fit;
}

}  // namespace brainmt::baselines
