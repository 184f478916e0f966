#include "analysis/residualize.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "analysis/embed.hpp"
#include "base/error.hpp"
#include "io/checksum.hpp"
#include "task/phenotype_values.hpp"
#include "task/session_values.hpp"
#include "task/split.hpp"

namespace brainmt::analysis {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kMotion = "mean_fd";

bool is_missing(const task::ConfoundValue& value) {
  if (const auto* number = std::get_if<double>(&value)) return !std::isfinite(*number);
  return std::get<std::string>(value).empty();
}

std::vector<double> motion_by_scan(const io::Cohort& cohort) {
  std::vector<double> motion;
  for (const io::CohortScan& scan : cohort.scans()) motion.push_back(scan.mean_fd);
  return motion;
}

// The entries of the chosen array in a row of the file.
std::vector<float> chosen(const EmbeddingRow& row, std::size_t array, std::size_t width) {
  const auto first = row.values.begin() + static_cast<std::ptrdiff_t>(array * width);
  return {first, first + static_cast<std::ptrdiff_t>(width)};
}

std::vector<double> flat(const std::vector<std::vector<double>>& rows, bool transposed) {
  std::vector<double> values;
  if (rows.empty()) return values;
  const std::size_t columns = rows.front().size();
  for (std::size_t i = 0; i < (transposed ? columns : rows.size()); ++i)
    for (std::size_t j = 0; j < (transposed ? rows.size() : columns); ++j)
      values.push_back(transposed ? rows[j][i] : rows[i][j]);
  return values;
}

std::vector<FittedArray> fitted_arrays(const Residualizer& r) {
  const std::uint64_t dimensions = r.mean.size(), terms = r.centre.size(), kept = r.projector.size();
  std::vector<FittedArray> arrays{{"residualization/mean", {dimensions}, r.mean},
                                  {"residualization/std", {dimensions}, r.deviation}};
  if (terms > 0) {
    arrays.push_back({"residualization/centre", {terms}, r.centre});
    arrays.push_back({"residualization/coefficients", {terms, dimensions}, flat(r.coefficients, true)});
  }
  if (kept > 0) {
    arrays.push_back({"residualization/projector", {dimensions, kept}, flat(r.projector, true)});
    arrays.push_back({"residualization/variances", {kept}, r.variances});
  }
  return arrays;
}

double explained_by(const Residualizer& r) {
  if (r.projector.empty()) return 1.0;
  double kept = 0;
  for (const double variance : r.variances) kept += variance;
  return r.total_variance > 0 ? kept / r.total_variance : 1.0;
}

// The source's metadata with what was done to its rows.
Json describe(const ResidualizeSettings& settings, const Residualizer& r, const task::Split& split, Json metadata,
              std::size_t training, std::size_t left_out) {
  metadata["pooling"] = metadata.value("pooling", "") == "both" ? (settings.mean_pooling ? "mean" : "cls")
                                                                : metadata.value("pooling", "");
  metadata["tokens"] = "none";
  metadata["covariates"] = settings.covariates.empty() ? Json("none") : Json(settings.covariates);
  metadata["design"] = to_json(r.coding);
  metadata["design_columns"] = r.coding.terms();
  metadata["normalization_statistics"] =
      "input: per scan, in the cohort file; embeddings: z = (residual) / std, in /residualization";
  metadata["projector"] = r.projector.empty() ? Json("none")
                                              : Json{{"type", "pca"},
                                                     {"asked", settings.components},
                                                     {"components", r.projector.size()},
                                                     {"explained_variance", explained_by(r)}};
  metadata["fitted_on"] = {{"part", "train"}, {"participants", training}};
  metadata["left_out_missing_covariate"] = static_cast<std::uint64_t>(left_out);
  metadata["split_sha256"] = io::sha256_of_file(settings.split_file);
  metadata["seed"] = split.plan.seed;
  if (split.plan.folds > 1) metadata["fold_id"] = fmt::format("{}/{}", split.plan.fold, split.plan.folds);
  metadata["source_sha256"] = io::sha256_of_file(settings.in);
  metadata["residualized_by"] = settings.program;
  return metadata;
}

}  // namespace

std::vector<task::ConfoundRow> covariates_of(const io::Cohort& cohort, const std::vector<std::string>& ids,
                                             const std::vector<std::string>& names,
                                             const std::vector<std::string>& categories,
                                             std::vector<std::string>* warnings) {
  std::map<std::string, std::vector<std::size_t>> scans;
  for (std::size_t i = 0; i < cohort.scans().size(); ++i) scans[cohort.scans()[i].participant_id].push_back(i);
  for (const std::string& id : ids)
    if (!scans.contains(id))
      throw DataError(
          fmt::format("{}: participant {} of the embeddings is not in it: expected the cohort that was "
                      "embedded",
                      cohort.path().string(), id));
  std::vector<task::ConfoundRow> rows(ids.size());
  for (const std::string& name : names) {
    const bool own_motion = name == kMotion && task::find_phenotype(cohort, name) == nullptr;
    const bool is_code = std::ranges::find(categories, name) != categories.end();
    std::optional<std::vector<double>> numbers;
    if (own_motion)
      numbers = motion_by_scan(cohort);
    else if (!is_code)
      numbers = task::numbers_of(task::phenotype(cohort, name));
    const auto texts = numbers ? std::vector<std::string>{} : task::texts_of(task::phenotype(cohort, name));
    task::Differences differences;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const task::Scans& of_participant = scans.at(ids[i]);
      if (numbers) differences.add(ids[i], *numbers, of_participant);
      if (numbers)
        rows[i].emplace_back(task::mean_of_scans(*numbers, of_participant));
      else
        rows[i].emplace_back(task::text_of_scans(cohort, texts, of_participant, name));
    }
    if (warnings != nullptr && !own_motion && differences.participants > 0)
      warnings->push_back(differences.warning(name));
  }
  return rows;
}

ResidualizeSettings ResidualizeSettings::from_config(const config::Config& given, const config::Config& keys) {
  return {.in = given.get<std::string>("in"),
          .cohort = keys.get<std::string>("data.cohort"),
          .split_file = given.get<std::string>("data.split_file"),
          .covariates = given.get<std::vector<std::string>>("covariates"),
          .categories = given.get<std::vector<std::string>>("categories"),
          .mean_pooling = given.get<std::string>("embed.pooling") == "mean",
          .components = static_cast<std::size_t>(given.get<std::int64_t>("project")),
          .program = {}};
}

ResidualizeSummary residualize(const ResidualizeSettings& settings, const std::filesystem::path& out) {
  const EmbeddingFile file(settings.in);
  const EmbeddingDescription& source = file.description();
  if (source.metadata.contains("residualized_by"))
    throw DataError(
        fmt::format("'{}' is residualized already: use the file that 'brainmt embed' wrote", settings.in.string()));
  const io::Cohort cohort(settings.cohort);
  const task::Split split = task::load_split(settings.split_file);
  const std::size_t array = settings.mean_pooling && source.arrays.size() > 1 ? 1 : 0;

  std::vector<std::string> ids;
  for (const EmbeddedParticipant& p : source.participants) ids.push_back(p.id);
  std::vector<std::string> warnings;
  const auto covariates = covariates_of(cohort, ids, settings.covariates, settings.categories, &warnings);
  const std::vector<EmbeddingRow> rows = file.rows();

  EmbeddingDescription result{.metadata = {}, .participants = {}, .arrays = {"embeddings"}};
  std::vector<ResidualizerRow> kept, training;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (std::ranges::any_of(covariates[i], is_missing)) continue;
    EmbeddedParticipant participant = source.participants[i];
    participant.part = "none";
    for (const task::Part part : task::kParts)
      if (std::ranges::binary_search(split.of(part), participant.id)) participant.part = task::name_of(part);
    kept.push_back({chosen(rows[i], array, source.width), covariates[i]});
    if (participant.part == task::name_of(task::Part::kTrain)) training.push_back(kept.back());
    result.participants.push_back(std::move(participant));
  }
  Residualizer fit = fit_residualizer(settings.covariates, training, settings.components);

  ResidualizeSummary summary{.participants = kept.size(),
                             .training = training.size(),
                             .left_out = rows.size() - kept.size(),
                             .terms = fit.coding.terms(),
                             .width = fit.width(),
                             .explained = explained_by(fit),
                             .warnings = std::move(warnings)};
  summary.warnings.insert(summary.warnings.end(), fit.warnings.begin(), fit.warnings.end());
  result.width = fit.width();
  result.metadata = describe(settings, fit, split, source.metadata, training.size(), summary.left_out);
  describe_participants(result);
  result.fitted = fitted_arrays(fit);
  std::size_t unseen = 0;
  EmbeddingWriter writer(MPI_COMM_SELF, out, result);
  std::exception_ptr failure;
  try {
    for (std::size_t i = 0; i < kept.size(); ++i)
      writer.write(i, {.values = fit.apply(kept[i].values, kept[i].covariates, &unseen), .tokens = {}});
  } catch (...) {
    failure = std::current_exception();
  }
  writer.commit(failure);
  if (unseen > 0)
    summary.warnings.push_back(
        fmt::format("{} covariate texts do not occur among training participants: treated as the reference", unseen));
  return summary;
}

std::string to_lines(const ResidualizeSummary& s) {
  std::string lines = fmt::format("{:<18}{}\n{:<18}{}\n", "participants", s.participants, "fitted on", s.training);
  if (s.left_out > 0) lines += fmt::format("{:<18}{} participants without a covariate\n", "left out", s.left_out);
  lines += fmt::format("{:<18}{}\n{:<18}{}, {:.1f} % of the variance\n", "design",
                       s.terms.empty() ? "none" : fmt::format("{}", fmt::join(s.terms, ", ")), "dimensions", s.width,
                       100 * s.explained);
  return lines;
}

}  // namespace brainmt::analysis
