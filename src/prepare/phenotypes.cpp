#include "prepare/phenotypes.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <utility>

#include "base/error.hpp"
#include "io/find_column.hpp"
#include "io/lower_case.hpp"
#include "io/printable.hpp"
#include "io/ukb_field.hpp"
#include "prepare/id_columns.hpp"
#include "prepare/session_tables.hpp"

namespace brainmt::prepare {
namespace {

constexpr std::size_t kMaxUnasked = 500;                // columns that are kept without being named
constexpr std::string_view kRowNumbers = "Unnamed: 0";  // written without a name by pandas, and read again
constexpr int kFirstImaging = 2;                        // instance of UK Biobank
constexpr std::size_t kNone = kNoColumn;

// The same measure of UK Biobank at another instance; empty: the name is no column of imaging instance 2.
std::optional<io::UkbField> at_instance(const std::string& name, int instance) {
  auto field = io::parse_ukb_field(name);
  if (!field || field->instance != kFirstImaging) return std::nullopt;
  field->instance = instance;
  return field;
}

bool same_measure(const io::UkbField& a, const io::UkbField& b) {
  return a.field == b.field && a.instance == b.instance && a.array.value_or(0) == b.array.value_or(0);
}

// Columns that are read: the identifier, then the `kept` ones in the order of the file or of `wanted`, then auxiliary
// ones (session, other imaging instances), which are not stored.
struct Chosen {
  std::vector<std::size_t> columns;
  std::size_t kept = 0;
  std::size_t session = kNone;  // index in columns
  bool row_numbers = false;     // the first column holds them and is not kept
};

Chosen choose_columns(const std::vector<std::string>& names, const PhenotypeSettings& settings,
                      const std::string& where) {
  Chosen chosen{.columns = {find_id_column(names, settings.id_column, where)}};
  const auto keep = [&](std::size_t column) {
    const auto found = std::ranges::find(chosen.columns, column);
    const auto index = static_cast<std::size_t>(found - chosen.columns.begin());
    if (found == chosen.columns.end()) chosen.columns.push_back(column);
    return index;
  };
  const std::vector<std::string>& wanted = settings.columns;
  if (wanted.empty() && names.size() > kMaxUnasked + 1) {
    throw DataError(
        fmt::format("{} has {} columns, more than {} are kept only when they are named: "
                    "columns=[sex,age,20016-2.0]",
                    where, names.size(), kMaxUnasked));
  }
  for (const std::string& name : wanted) keep(io::require_column(names, name, where));
  chosen.row_numbers = wanted.empty() && names.front() == kRowNumbers && chosen.columns.front() != 0;
  for (std::size_t column = chosen.row_numbers ? 1 : 0; wanted.empty() && column < names.size(); ++column) keep(column);
  chosen.kept = chosen.columns.size();
  if (const std::size_t session = find_session_column(names); session != kNone) chosen.session = keep(session);
  for (std::size_t i = 1; i < chosen.kept; ++i) {
    const auto other = at_instance(names[chosen.columns[i]], kFirstImaging + 1);
    for (std::size_t column = 0; other && column < names.size(); ++column) {
      const auto field = io::parse_ukb_field(names[column]);
      if (field && same_measure(*field, *other)) keep(column);
    }
  }
  return chosen;
}

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

double missing_of(const std::vector<double>&) { return std::numeric_limits<double>::quiet_NaN(); }
std::string missing_of(const std::vector<std::string>&) { return {}; }

// The value of a row from a column that may be numbers where the other is text.
double at(const Values& values, std::size_t row, const std::vector<double>& like) {
  const auto* numbers = std::get_if<std::vector<double>>(&values);
  return numbers != nullptr ? (*numbers)[row] : missing_of(like);
}
std::string at(const Values& values, std::size_t row, const std::vector<std::string>&) {
  if (const auto* texts = std::get_if<std::vector<std::string>>(&values)) return (*texts)[row];
  const double number = std::get<std::vector<double>>(values)[row];
  return std::isnan(number) ? std::string() : fmt::format("{}", number);
}

}  // namespace

std::string simple_session(std::string_view text) {
  std::string session = io::lower_case(text);
  std::erase_if(session, [](char c) { return !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c & 0x80) != 0); });
  if (session.starts_with("ses") && session.size() > 3) session.erase(0, session.starts_with("session") ? 7 : 3);
  const std::size_t first = session.find_first_not_of('0');
  if (first != std::string::npos) session.erase(0, first);
  return session;
}

std::string session_of(const ScanEntry& scan) {
  if (!scan.session.empty()) return scan.session.starts_with("ses-") ? scan.session.substr(4) : scan.session;
  const std::string_view run = scan.run;
  if (run.starts_with("ses-")) return std::string(run.substr(4, run.find('_') - 4));
  const std::size_t middle = run.find('_');  // UK Biobank's <instance>_<array>
  if (middle != run.npos && is_digits(run.substr(0, middle)) && is_digits(run.substr(middle + 1)))
    return std::string(run.substr(0, middle));
  return {};
}

PhenotypeSettings PhenotypeSettings::from_config(const config::Config& config) {
  return {.id_column = config.get<std::string>("id_column"),
          .columns = config.get<std::vector<std::string>>("columns"),
          .keep_ukb_codes = config.get<std::string>("ukb_codes") == "keep"};
}

Phenotypes::Phenotypes(const std::filesystem::path& path, const PhenotypeSettings& settings)
    : table_([&] {
        const std::string file = (path.empty() ? settings.session_tables.at(0) : path).string();
        const auto choose = [&](const std::vector<std::string>& names) {
          const Chosen chosen = choose_columns(names, settings, fmt::format("'{}'", file));
          session_column_ = chosen.session;
          kept_ = chosen.kept;
          if (chosen.row_numbers)
            information_.push_back(fmt::format("'{}': the column {} holds row numbers: skipped", file, kRowNumbers));
          return chosen.columns;
        };
        return settings.session_tables.empty() ? io::Table::read(path, choose)
                                               : read_with_sessions(path, settings, choose, warnings_);
      }()),
      keep_ukb_codes_(settings.keep_ukb_codes) {
  std::ranges::copy(table_.notes(), std::back_inserter(information_));
  index_rows();
  note_columns(!settings.columns.empty());
}

void Phenotypes::index_rows() {
  for (std::size_t row = 0; row < table_.rows(); ++row) {
    const std::string& id = table_.text(row, id_column_);
    if (table_.missing(row, id_column_))
      throw DataError(fmt::format("{}: the identifier is missing", table_.where(row, id_column_)));
    const bool has_session = session_column_ != kNone && !table_.missing(row, session_column_);
    const std::string session = has_session ? simple_session(table_.text(row, session_column_)) : "";
    std::vector<Row>& rows = rows_[std::string(bare_id(id))];
    if (rows.empty()) ids_.emplace_back(bare_id(id));
    for (const Row& known : rows) {
      if (known.session != session) continue;
      const std::string& other = table_.text(known.row, id_column_);
      throw DataError(id == other ? has_session ? fmt::format("{}: participant {} has session {} twice, first at {}",
                                                              table_.where(row, session_column_), io::printable(id),
                                                              io::printable(table_.text(row, session_column_)),
                                                              table_.where(known.row, session_column_))
                                                : fmt::format("{}: the identifier {} occurs twice, first on line {}",
                                                              table_.where(row, id_column_), io::printable(id),
                                                              table_.line(known.row))
                                  : fmt::format("{}: the identifier {} means the same participant as {} on line {}",
                                                table_.where(row, id_column_), io::printable(id), io::printable(other),
                                                table_.line(known.row)));
    }
    one_row_each_ = one_row_each_ && rows.empty();
    rows.push_back({row, session});
    if (const IdVisit visit = split_visit(bare_id(id)); !visit.visit.empty())
      visits_[std::string(visit.id)].push_back({row, simple_session(visit.visit)});
  }
}

void Phenotypes::note_columns(bool asked) {
  ColumnNotes notes;
  for (std::size_t column = 0; column < kept_; ++column) {
    if (column != id_column_) column_values(table_, column, keep_ukb_codes_, notes);
  }
  if (asked && !notes.odd.empty()) {
    throw DataError(fmt::format(
        "{}: no number, though most of the column are; correct it in the table, or leave it empty if it is missing",
        notes.odd.front()));
  }
  std::ranges::copy(notes.information(), std::back_inserter(information_));
  std::ranges::copy(notes.warnings(), std::back_inserter(warnings_));
}

void Phenotypes::match(const std::vector<ScanEntry>& scans) {
  std::vector<std::string> participants;
  std::unordered_set<std::string> seen;
  for (const ScanEntry& scan : scans) {
    std::string id(bare_id(scan.participant_id));
    if (scan.usable() && !visits_.contains(id) && seen.insert(id).second) participants.push_back(std::move(id));
  }
  loose_ = match_loosely(participants, ids_);
  std::map<std::string_view, std::vector<std::string>> by_rule;
  for (const std::string& participant : participants) {
    const auto found = loose_.find(participant);
    if (found == loose_.end()) continue;
    by_rule[found->second.rule].push_back(fmt::format("{} is {}", participant, io::printable(found->second.id)));
  }
  for (const auto& [rule, pairs] : by_rule)
    warnings_.push_back(fmt::format("'{}': {} participants are found {} only ({}{})", table_.path().string(),
                                    pairs.size(), rule, pairs.front(), pairs.size() > 1 ? ", ..." : ""));
  by_session_ = !one_row_each_ || std::ranges::any_of(scans, [&](const ScanEntry& scan) {
    const std::string session = simple_session(session_of(scan));
    const auto* rows = session.empty() ? nullptr : rows_of(scan.participant_id);
    return rows != nullptr && std::ranges::count(*rows, session, &Row::session) > 0;
  });
  note_instances(scans);
  count_without_scan(scans);
}

void Phenotypes::count_without_scan(const std::vector<ScanEntry>& scans) {
  std::vector<std::uint8_t> has_scan(table_.rows(), 0);
  for (const ScanEntry& scan : scans) {
    const std::size_t* row = scan.is_scan() ? find(scan) : nullptr;
    if (row != nullptr) has_scan[*row] = 1;
  }
  without_scan_ = {.participants = ids_.size()};
  for (const std::string& id : ids_) {
    const std::vector<Row>& rows = rows_.at(id);
    if (std::ranges::any_of(rows, [&](const Row& row) { return has_scan[row.row] != 0; })) continue;
    if (without_scan_.count++ == 0) without_scan_.first = table_.text(rows.front().row, id_column_);
  }
}

const std::vector<Phenotypes::Row>* Phenotypes::rows_of(const std::string& participant_id) const {
  const std::string id(bare_id(participant_id));
  if (const auto found = rows_.find(id); found != rows_.end()) return &found->second;
  if (const auto found = visits_.find(id); found != visits_.end()) return &found->second;
  const auto loose = loose_.find(id);
  return loose == loose_.end() ? nullptr : &rows_.at(loose->second.id);
}

const std::size_t* Phenotypes::find(const ScanEntry& scan) const {
  const std::vector<Row>* rows = rows_of(scan.participant_id);
  if (rows == nullptr) return nullptr;
  const std::string session = simple_session(session_of(scan));
  const bool is_visits = !rows_.contains(std::string(bare_id(scan.participant_id))) &&
                         !loose_.contains(std::string(bare_id(scan.participant_id)));
  if ((by_session_ || is_visits) && !session.empty()) {
    const auto found = std::ranges::find(*rows, session, &Row::session);
    if (found != rows->end()) return &found->row;
    // A row without a session is of all of them.
    const auto of_all = std::ranges::find(*rows, std::string(), &Row::session);
    return of_all == rows->end() ? nullptr : &of_all->row;
  }
  if (rows->size() == 1) return &rows->front().row;
  const auto of_all = std::ranges::find(*rows, std::string(), &Row::session);
  return of_all == rows->end() ? nullptr : &of_all->row;
}

std::string Phenotypes::why_missing(const ScanEntry& scan) const {
  const std::string session = session_of(scan);
  if (const std::vector<Row>* rows = rows_of(scan.participant_id)) {
    std::vector<std::string> sessions;
    for (const Row& row : *rows) sessions.push_back(row.session);
    return fmt::format("'{}' has {} rows with {}={}, of sessions {}; {}", table_.path().string(), rows->size(),
                       id_column(), scan.participant_id, fmt::join(sessions, ", "),
                       session.empty() ? "the scan's name says none" : fmt::format("the scan is of {}", session));
  }
  const std::string near = nearest_id(bare_id(scan.participant_id), ids_);
  return fmt::format("'{}' has no row with {}={}{}", table_.path().string(), id_column(), scan.participant_id,
                     near.empty() ? "" : fmt::format(", the nearest is {}", io::printable(near)));
}

std::string Phenotypes::first_ids() const {
  constexpr std::size_t kMax = 4;
  std::string text = table_.path().filename().string() + ":";
  for (std::size_t i = 0; i < std::min(kMax, ids_.size()); ++i)
    text += (i == 0 ? " " : ", ") + io::printable(table_.text(rows_.at(ids_[i]).front().row, id_column_));
  return text + (ids_.size() > kMax ? ", ..." : "");
}

// The column with the same measure as `column`, for the session of this scan.
std::size_t Phenotypes::column_for(std::size_t column, std::string_view session) const {
  if (!is_digits(session) || session.size() > 2) return column;
  const int instance = std::stoi(std::string(session));
  if (instance <= kFirstImaging) return column;
  const auto other = at_instance(table_.names()[column], instance);
  if (!other) return column;
  for (std::size_t c = 0; c < table_.columns(); ++c) {
    const auto field = io::parse_ukb_field(table_.names()[c]);
    if (field && same_measure(*field, *other)) return c;
  }
  return kNone;
}

void Phenotypes::note_instances(const std::vector<ScanEntry>& scans) {
  std::size_t later = 0;
  std::string session;
  for (const ScanEntry& scan : scans) {
    const std::string of_scan = session_of(scan);
    if (!scan.usable() || !is_digits(of_scan) || of_scan.size() > 2 || std::stoi(of_scan) <= kFirstImaging) continue;
    ++later;
    session = of_scan;
  }
  if (later == 0) return;
  std::string taken, without;
  for (std::size_t column = 1; column < kept_; ++column) {
    const std::size_t other = column_for(column, session);
    if (other == column) continue;
    std::string& list = other == kNone ? without : taken;
    if (list.size() < 200) list += (list.empty() ? "" : ", ") + table_.names()[column];
  }
  if (!taken.empty())
    information_.push_back(
        fmt::format("{} scans of imaging instance {} take that instance's values in column {}", later, session, taken));
  if (!without.empty())
    warnings_.push_back(
        fmt::format("{} scans of imaging instance {} have no value in column {}: '{}' holds no column of "
                    "that instance for them",
                    later, session, without, table_.path().string()));
}

std::vector<io::PhenotypeColumn> Phenotypes::columns(const std::vector<ScanEntry>& scans) const {
  std::vector<std::size_t> rows;
  std::vector<std::string> sessions;
  for (const ScanEntry& scan : scans) {
    const std::size_t* row = find(scan);
    BRAINMT_CHECK(row != nullptr, "a scan without a row is not left out");
    rows.push_back(*row);
    sessions.push_back(session_of(scan));
  }
  ColumnNotes said;  // by note_columns()
  std::vector<io::PhenotypeColumn> columns;
  for (std::size_t column = 0; column < kept_; ++column) {
    if (column == id_column_) continue;
    const Values own = column_values(table_, column, keep_ukb_codes_, said);
    std::map<std::size_t, Values> others;  // of other instances
    std::visit(
        [&](const auto& values) {
          std::remove_cvref_t<decltype(values)> by_scan;
          for (std::size_t s = 0; s < scans.size(); ++s) {
            const std::size_t source = column_for(column, sessions[s]);
            if (source == column) {
              by_scan.push_back(values[rows[s]]);
              continue;
            }
            if (source != kNone && !others.contains(source))
              others.emplace(source, column_values(table_, source, keep_ukb_codes_, said));
            by_scan.push_back(source == kNone ? missing_of(values) : at(others.at(source), rows[s], values));
          }
          columns.push_back({table_.names()[column], std::move(by_scan)});
        },
        own);
  }
  return columns;
}

}  // namespace brainmt::prepare
