#include "train/phenotype_values.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>
#include <variant>

#include "io/find_column.hpp"
#include "io/lower_case.hpp"
#include "io/printable.hpp"
#include "io/table.hpp"

namespace brainmt::train {
namespace {

std::vector<std::string> names_of(const io::Cohort& cohort) {
  std::vector<std::string> names;
  for (const auto& column : cohort.layout().phenotypes) names.push_back(column.name);
  return names;
}

// Tables give a missing text as an empty one; cohorts that others made need not.
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

std::vector<std::string> distinct(const std::vector<std::string>& texts) {
  std::vector<std::string> values = texts;
  std::ranges::sort(values);
  values.erase(std::unique(values.begin(), values.end()), values.end());
  std::erase(values, "");
  return values;
}

std::string listed(const std::vector<std::string>& values) {
  constexpr std::size_t kMost = 5;
  std::vector<std::string> shown;
  for (std::size_t i = 0; i < std::min(values.size(), kMost); ++i) shown.push_back(io::printable(values[i]));
  return fmt::format("{}{}", fmt::join(shown, ", "), values.size() > kMost ? ", ..." : "");
}

}  // namespace brainmt::train
