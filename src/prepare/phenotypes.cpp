#include "prepare/phenotypes.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "io/find_column.hpp"
#include "io/lower_case.hpp"
#include "io/printable.hpp"
#include "prepare/age_band.hpp"

namespace brainmt::prepare {
namespace {

constexpr std::size_t kMostUnasked = 500;  // columns that are kept without being named

// In the order of preference, in lower case.
constexpr std::array<std::string_view, 10> kIdNames{
    "participant_id", "participant", "subject",        "subject_id", "subjectid", "sub", "eid",
    "n_eid",          "f.eid",       "participant.eid"};

std::size_t find_id_column(const std::vector<std::string>& names, const std::string& wanted, const std::string& where) {
  if (!wanted.empty()) return io::require_column(names, wanted, where);
  for (const std::string_view known : kIdNames) {
    const auto found = std::ranges::find_if(names, [&](const auto& name) { return io::lower_case(name) == known; });
    if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  }
  throw DataError(fmt::format(
      "{} has no column of participants: expected participant_id, Subject, subject_id, eid, n_eid or f.eid, found {} "
      "columns, the first {}; name it with id_column=",
      where, names.size(), io::printable(names.front())));
}

// The identifier first, then the kept columns in the order of the file, or of `wanted`.
std::vector<std::size_t> choose_columns(const std::vector<std::string>& names, const std::string& id_column,
                                        const std::vector<std::string>& wanted, const std::string& where) {
  std::vector<std::size_t> chosen{find_id_column(names, id_column, where)};
  const auto keep = [&](std::size_t column) {
    if (std::ranges::find(chosen, column) == chosen.end()) chosen.push_back(column);
  };
  if (wanted.empty() && names.size() > kMostUnasked + 1) {
    throw DataError(
        fmt::format("{} has {} columns, more than {} are kept only when they are named: "
                    "columns=[sex,age,20016-2.0]",
                    where, names.size(), kMostUnasked));
  }
  for (const std::string& name : wanted) keep(io::require_column(names, name, where));
  for (std::size_t column = 0; wanted.empty() && column < names.size(); ++column) keep(column);
  return chosen;
}

// `sub-01` is 01; `1234567_20227_2_0` is 1234567.
std::string_view bare_id(std::string_view id) {
  constexpr std::string_view kBids = "sub-", kBulk = "_20227_";
  if (id.starts_with(kBids) && id.size() > kBids.size()) id.remove_prefix(kBids.size());
  const std::size_t bulk = id.find(kBulk);
  return bulk == std::string_view::npos || bulk == 0 ? id : id.substr(0, bulk);
}

// The column's bands as numbers by row, if it holds bands and missing values only.
std::optional<std::vector<double>> age_bands(const io::Table& table, std::size_t column) {
  std::vector<double> years;
  bool any = false;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const bool missing = table.missing(row, column);
    const auto band = missing ? std::nullopt : parse_age_band(table.text(row, column));
    if (!missing && !band) return std::nullopt;
    years.push_back(band.value_or(std::numeric_limits<double>::quiet_NaN()));
    any = any || !missing;
  }
  if (!any) return std::nullopt;
  log::info("column {} holds age bands: kept as the middle of each band, an open band as its lower edge",
            io::printable(table.names()[column]));
  return years;
}

}  // namespace

Phenotypes::Phenotypes(const std::filesystem::path& path, const std::string& id_column,
                       const std::vector<std::string>& columns)
    : table_(io::Table::read(path,
                             [&](const std::vector<std::string>& names) {
                               return choose_columns(names, id_column, columns, fmt::format("'{}'", path.string()));
                             })),
      id_column_(0) {
  table_.index_by(id_column_);  // none missing, none twice
  for (std::size_t row = 0; row < table_.rows(); ++row) {
    const std::string& id = table_.text(row, id_column_);
    const auto [known, inserted] = rows_.emplace(bare_id(id), row);
    if (!inserted) {
      throw DataError(fmt::format("'{}' line {}: the identifier {} means the same participant as {} on line {}",
                                  path.string(), table_.line(row), io::printable(id),
                                  io::printable(table_.text(known->second, id_column_)), table_.line(known->second)));
    }
  }
}

const std::size_t* Phenotypes::find(const std::string& participant_id) const {
  const auto found = rows_.find(std::string(bare_id(participant_id)));
  return found == rows_.end() ? nullptr : &found->second;
}

std::vector<io::PhenotypeColumn> Phenotypes::columns(const std::vector<io::CohortScan>& scans) const {
  std::vector<std::size_t> rows;
  for (const io::CohortScan& scan : scans) {
    const std::size_t* row = find(scan.participant_id);
    BRAINMT_CHECK(row != nullptr, "a scan without a row is not left out");
    rows.push_back(*row);
  }
  std::vector<io::PhenotypeColumn> columns;
  for (std::size_t column = 0; column < table_.columns(); ++column) {
    if (column == id_column_) continue;
    std::vector<double> numbers;
    std::vector<std::string> texts;
    const bool numeric = table_.is_numeric(column);
    const auto bands = numeric ? std::nullopt : age_bands(table_, column);
    for (const std::size_t row : rows) {
      if (numeric) {
        numbers.push_back(table_.number(row, column).value_or(std::numeric_limits<double>::quiet_NaN()));
      } else if (bands) {
        numbers.push_back((*bands)[row]);
      } else {
        texts.push_back(table_.missing(row, column) ? std::string() : table_.text(row, column));
      }
    }
    io::PhenotypeColumn& out = columns.emplace_back();
    out.name = table_.names()[column];
    if (numeric || bands) {
      out.values = std::move(numbers);
    } else {
      out.values = std::move(texts);
    }
  }
  return columns;
}

}  // namespace brainmt::prepare
