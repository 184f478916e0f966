#include "task/phenotype_values.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <string_view>
#include <variant>

#include "base/error.hpp"
#include "io/find_column.hpp"
#include "io/lower_case.hpp"
#include "io/printable.hpp"
#include "io/table.hpp"
#include "io/ukb_codes.hpp"
#include "io/ukb_field.hpp"

namespace brainmt::task {
namespace {

std::vector<std::string> names_of(const io::Cohort& cohort) {
  std::vector<std::string> names;
  for (const auto& column : cohort.layout().phenotypes) names.push_back(column.name);
  return names;
}

// prepare stores a missing text as an empty one; cohorts made by other tools may not.
bool is_missing(const std::string& text) {
  constexpr std::array<std::string_view, 5> kSpellings{"", "na", "n/a", "nan", "null"};
  return std::ranges::find(kSpellings, io::lower_case(text)) != kSpellings.end();
}

}  // namespace

const io::PhenotypeColumn* find_phenotype(const io::Cohort& cohort, const std::string& name) {
  const auto found = io::find_column(names_of(cohort), name);
  return found ? &cohort.layout().phenotypes[*found] : nullptr;
}

const io::PhenotypeColumn& phenotype(const io::Cohort& cohort, const std::string& name) {
  const std::string where = fmt::format("cohort '{}'", cohort.path().string());
  return cohort.layout().phenotypes[io::require_column(names_of(cohort), name, where)];
}

std::optional<std::vector<double>> numbers_of(const io::PhenotypeColumn& column) {
  if (const auto* numbers = std::get_if<std::vector<double>>(&column.values)) return *numbers;
  std::vector<double> numbers;
  for (const std::string& text : std::get<std::vector<std::string>>(column.values)) {
    const std::optional<double> number =
        is_missing(text) ? std::numeric_limits<double>::quiet_NaN() : io::parse_number(text);
    if (!number) return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}

std::vector<std::string> texts_of(const io::PhenotypeColumn& column) {
  std::vector<std::string> texts;
  if (const auto* numbers = std::get_if<std::vector<double>>(&column.values)) {
    for (const double number : *numbers) texts.push_back(std::isnan(number) ? "" : fmt::format("{}", number));
  } else {
    for (const std::string& text : std::get<std::vector<std::string>>(column.values))
      texts.push_back(is_missing(text) ? "" : text);
  }
  return texts;
}

void check_has_groups(const io::Cohort& cohort, const io::PhenotypeColumn& column, const std::string& use) {
  constexpr std::size_t kMaxLevels = 20, kMinEach = 10;  // participants for each level, where there are many
  std::vector<std::string> texts = texts_of(column);
  std::erase(texts, "");
  const auto is_number = [](const std::string& text) { return io::parse_number(text).has_value(); };
  const auto numbers = static_cast<std::size_t>(std::ranges::count_if(texts, is_number));
  const std::string where = fmt::format("{}: {}: column {}", cohort.path().string(), use, io::printable(column.name));
  if (2 * numbers > texts.size() && numbers < texts.size()) {
    const auto odd = std::ranges::find_if_not(texts, is_number);
    throw DataError(
        fmt::format("{} is text, though {} of its {} values are numbers; the first that is none is {}: "
                    "correct it in the table, or leave it empty there, and prepare the cohort again",
                    where, numbers, texts.size(), io::printable(*odd)));
  }
  const std::vector<std::string> levels = distinct(texts);
  if (levels.size() > kMaxLevels && texts.size() < kMinEach * levels.size()) {
    const bool is_amount = numbers == texts.size();
    throw DataError(fmt::format(
        "{} {} {} different {} for {} scans ({}): expected groups, at most {}, or more with {} scans for each{}", where,
        is_amount ? "has" : "is text with", levels.size(), is_amount ? "numbers" : "values", texts.size(),
        listed(levels), kMaxLevels, kMinEach, is_amount ? "; an amount is predicted with task=regression" : ""));
  }
}

std::string left_ukb_codes(const io::PhenotypeColumn& column) {
  const auto field = io::parse_ukb_field(column.name);
  const auto numbers = numbers_of(column);
  if (!field || !numbers) return {};
  std::map<double, std::size_t> codes;
  for (const double number : *numbers)
    if (io::ukb_code(field->field, number) != io::UkbCode::kNone) ++codes[number];
  std::vector<std::string> counts;
  for (const auto& [code, count] : codes) counts.push_back(fmt::format("{}: {}", code, count));
  if (!counts.empty()) {
    return fmt::format(
        "column {} holds UK Biobank's codes for answers that are no amounts, as numbers ({}): prepare "
        "the cohort with ukb_codes=missing, or correct the table",
        io::printable(column.name), fmt::join(counts, ", "));
  }
  const std::vector<int> suspects = io::ukb_suspects(field->field, *numbers);
  if (suspects.empty()) return {};
  return fmt::format("column {} holds {}: if that is UK Biobank's code for no answer, leave it empty in the table",
                     io::printable(column.name), fmt::join(suspects, ", "));
}

std::vector<std::string> distinct(const std::vector<std::string>& texts) {
  std::vector<std::string> values = texts;
  std::ranges::sort(values);
  values.erase(std::unique(values.begin(), values.end()), values.end());
  std::erase(values, "");
  return values;
}

std::string listed(const std::vector<std::string>& values) {
  constexpr std::size_t kMaxShown = 5;
  std::vector<std::string> shown;
  for (std::size_t i = 0; i < std::min(values.size(), kMaxShown); ++i) shown.push_back(io::printable(values[i]));
  return fmt::format("{}{}", fmt::join(shown, ", "), values.size() > kMaxShown ? ", ..." : "");
}

}  // namespace brainmt::task
