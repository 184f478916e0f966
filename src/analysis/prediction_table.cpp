#include "analysis/prediction_table.hpp"

#include <fmt/format.h>

#include <cmath>

#include "base/error.hpp"
#include "io/table.hpp"

namespace brainmt::analysis {
namespace {

using Column = std::optional<std::size_t>;

double number(const io::Table& table, std::size_t row, const Column& column) {
  return column ? table.number(row, *column).value_or(kNoNumber) : kNoNumber;
}

std::optional<std::int64_t> whole_number(const io::Table& table, std::size_t row, const Column& column) {
  if (!column || table.missing(row, *column)) return std::nullopt;
  const double value = *table.number(row, *column);
  constexpr double kLimit = 9e15;
  if (value != std::floor(value) || std::abs(value) > kLimit)
    throw DataError(
        fmt::format("{}: expected a whole number, found {}", table.where(row, *column), table.text(row, *column)));
  return static_cast<std::int64_t>(value);
}

std::string text(const io::Table& table, std::size_t row, const Column& column) {
  return column && !table.missing(row, *column) ? table.text(row, *column) : "";
}

}  // namespace

PredictionTable read_prediction_table(const std::filesystem::path& path) {
  const io::Table table = io::Table::read(path);
  const std::size_t id = table.column("participant_id");
  const Column part = table.find_column("split"), truth = table.find_column("y_true"),
               predicted = table.find_column("y_pred"), logit = table.find_column("logit"),
               prob = table.find_column("prob"), target = table.find_column("target"), seed = table.find_column("seed"),
               fold = table.find_column("fold");
  if (!predicted && !logit && !prob)
    throw DataError(fmt::format("{}: expected predictions in a column 'y_pred', 'logit' or 'prob', found none of them",
                                path.string()));
  PredictionTable result{.path = path,
                         .has_truth = truth.has_value(),
                         .has_logit = logit.has_value(),
                         .has_prob = prob.has_value(),
                         .has_part = part.has_value(),
                         .has_target = target.has_value(),
                         .rows = {}};
  result.rows.reserve(table.rows());
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if (table.missing(row, id)) throw DataError(fmt::format("{}: no participant", table.where(row, id)));
    result.rows.push_back({.participant_id = table.text(row, id),
                           .part = text(table, row, part),
                           .target = text(table, row, target),
                           .truth = number(table, row, truth),
                           .predicted = number(table, row, predicted),
                           .logit = number(table, row, logit),
                           .prob = number(table, row, prob),
                           .seed = whole_number(table, row, seed),
                           .fold = whole_number(table, row, fold),
                           .line = table.line(row)});
  }
  return result;
}

}  // namespace brainmt::analysis
