#include "task/confounds.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "io/printable.hpp"
#include "task/least_squares.hpp"

namespace brainmt::task {

std::vector<std::string> ConfoundCoding::names() const {
  std::vector<std::string> names;
  for (const Column& column : columns) names.push_back(column.name);
  return names;
}

std::vector<std::string> ConfoundCoding::terms() const {
  std::vector<std::string> terms;
  for (const Column& column : columns) {
    if (!column.is_text) terms.push_back(column.name);
    for (const std::string& level : column.levels) terms.push_back(column.name + "=" + level);
  }
  return terms;
}

std::vector<double> ConfoundCoding::coded(std::span<const ConfoundValue> row, std::size_t* unseen) const {
  BRAINMT_CHECK(row.size() == columns.size(), "{} confounds for {} columns", row.size(), columns.size());
  std::vector<double> out;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const Column& column = columns[c];
    if (!column.is_text) {
      out.push_back(std::get<double>(row[c]));
      continue;
    }
    const auto& level = std::get<std::string>(row[c]);
    const auto found = std::ranges::find(column.levels, level);
    if (found == column.levels.end() && level != column.reference && unseen != nullptr) ++*unseen;
    for (auto it = column.levels.begin(); it != column.levels.end(); ++it) out.push_back(it == found ? 1.0 : 0.0);
  }
  return out;
}

ConfoundCoding fit_coding(const std::vector<std::string>& names, const std::vector<ConfoundRow>& rows) {
  BRAINMT_CHECK(!rows.empty(), "a coding of no rows");
  ConfoundCoding coding;
  for (std::size_t c = 0; c < names.size(); ++c) {
    ConfoundCoding::Column column{.name = names[c], .is_text = std::holds_alternative<std::string>(rows.front().at(c))};
    std::map<std::string, std::size_t> counts;
    if (column.is_text)
      for (const ConfoundRow& row : rows) ++counts[std::get<std::string>(row.at(c))];
    // The first of equally frequent levels in the order of their names.
    for (const auto& [level, count] : counts)
      if (column.reference.empty() || count > counts.at(column.reference)) column.reference = level;
    for (const auto& [level, count] : counts)
      if (level != column.reference) column.levels.push_back(level);
    coding.columns.push_back(std::move(column));
  }
  return coding;
}

double Adjustment::of(std::span<const double> coded) const {
  double sum = 0;
  for (std::size_t j = 0; j < coefficients.size(); ++j) sum += coefficients[j] * (coded[j] - centre[j]);
  return sum;
}

Adjustment fit_adjustment(const ConfoundCoding& coding, const std::vector<std::vector<double>>& coded,
                          const std::vector<double>& y, const std::string& target, std::vector<std::string>& warnings) {
  const std::vector<std::string> terms = coding.terms();
  if (y.size() < terms.size() + 2)
    throw DataError(
        fmt::format("task.confounds: {} training subjects with {} are too few for {} terms ({}): expected {} or more",
                    y.size(), io::printable(target), terms.size(), fmt::join(terms, ", "), terms.size() + 2));
  LinearFit fit = fit_linear(coded, y);
  for (const std::size_t term : fit.without_effect)
    warnings.push_back(fmt::format(
        "task.confounds: {} does not vary over the training subjects with {}, or follows from the terms before it: no "
        "effect",
        io::printable(terms[term]), io::printable(target)));
  return {std::move(fit.centre), std::move(fit.coefficients)};
}

std::string unseen_levels(std::size_t count) {
  return fmt::format(
      "task.confounds: {} values outside the training split do not occur in it: taken as its most frequent one", count);
}

nlohmann::ordered_json to_json(const ConfoundCoding& coding) {
  auto json = nlohmann::ordered_json::array();
  for (const auto& column : coding.columns) {
    json.push_back({{"name", column.name}});
    if (column.is_text) json.back().update({{"reference", column.reference}, {"levels", column.levels}});
  }
  return json;
}

ConfoundCoding coding_from_json(const nlohmann::json& json) {
  ConfoundCoding coding;
  for (const auto& entry : json) {
    ConfoundCoding::Column column{.name = entry.at("name").get<std::string>(), .is_text = entry.contains("reference")};
    if (column.is_text) {
      entry.at("reference").get_to(column.reference);
      entry.at("levels").get_to(column.levels);
    }
    coding.columns.push_back(std::move(column));
  }
  return coding;
}

}  // namespace brainmt::task
