#include "io/table.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>
#include <unordered_set>
#include <utility>

#include "base/error.hpp"
#include "base/nearest.hpp"
#include "io/lower_case.hpp"
#include "io/printable.hpp"
#include "io/table_text.hpp"

namespace brainmt::io {
namespace {

constexpr std::size_t kMaxLineBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxColumns = 100'000;  // a full UK Biobank export has about 30,000

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace

// Splits the content into records of fields, keeping the line for messages.
class Table::Records {
 public:
  Records(const std::filesystem::path& path, std::string_view content, char separator)
      : path_(path), rest_(content), separator_(separator), ends_{separator, '\n'} {}

  /// The next record that is not blank or of separators alone; false at the end of the file.
  bool next(std::vector<std::string>& fields) {
    do {
      if (rest_.empty()) return false;
      read_record(fields);
    } while (std::ranges::all_of(fields, &std::string::empty));
    return true;
  }
  /// Line on which the last record began.
  std::size_t line() const { return record_line_; }

  [[noreturn]] void fail(std::size_t line, std::size_t column, const std::string& reason) const {
    throw DataError(fmt::format("'{}' line {} column {}: {}", path_.string(), line, column, reason));
  }

 private:
  void read_record(std::vector<std::string>& fields) {
    fields.clear();
    record_line_ = line_;
    const std::size_t available = rest_.size();
    for (bool more = true; more;) {
      if (fields.size() == kMaxColumns)
        fail(record_line_, fields.size(), fmt::format("more than {} columns", kMaxColumns));
      std::string& field = fields.emplace_back();
      const std::size_t column = fields.size();
      const std::size_t first = rest_.find_first_not_of(' ');
      if (first != std::string_view::npos && rest_[first] == '"') {
        rest_.remove_prefix(first + 1);
        read_quoted(field, column);
      } else {
        const std::size_t end = std::min(rest_.find_first_of(ends_), rest_.size());
        field = trimmed(without_return(rest_.substr(0, end), end));
        rest_.remove_prefix(end);
        if (field.find('"') != std::string::npos)
          fail(line_, column, "a quote inside a field that does not begin with one");
      }
      if (field.find('\0') != std::string::npos)
        fail(record_line_, column, "a zero byte; is this a text file? If so, save it as UTF-8");
      if (available - rest_.size() > kMaxLineBytes) {
        fail(record_line_, column, fmt::format("row of more than {} bytes; is a quote unclosed?", kMaxLineBytes));
      }
      more = !rest_.empty() && rest_.front() == separator_;
      if (!rest_.empty()) rest_.remove_prefix(1);
    }
    ++line_;
  }

  // A carriage return belongs to the line end only when a line feed (or nothing) follows.
  std::string_view without_return(std::string_view field, std::size_t end) const {
    const bool ends_line = end == rest_.size() || rest_[end] == '\n';
    if (ends_line && field.ends_with('\r')) field.remove_suffix(1);
    return field;
  }

  // From behind the opening quote to the separator or line end behind the closing one.
  void read_quoted(std::string& field, std::size_t column) {
    for (;;) {
      const std::size_t quote = rest_.find('"');
      if (quote == std::string_view::npos) fail(record_line_, column, "a quote is opened but not closed");
      field += rest_.substr(0, quote);
      line_ += static_cast<std::size_t>(std::ranges::count(rest_.substr(0, quote), '\n'));
      rest_.remove_prefix(quote + 1);
      if (!rest_.starts_with('"')) break;
      field += '"';
      rest_.remove_prefix(1);
    }
    const std::size_t blanks = std::min(rest_.find_first_not_of(" \r"), rest_.size());
    rest_.remove_prefix(blanks);
    if (!rest_.empty() && rest_.front() != separator_ && rest_.front() != '\n') {
      fail(line_, column, "text behind a closing quote");
    }
    field = trimmed(field);
  }

  const std::filesystem::path& path_;
  std::string_view rest_;
  char separator_;
  std::string ends_;  // of an unquoted field
  std::size_t line_ = 1, record_line_ = 1;
};

namespace {

std::string with_point(std::string field) {
  if (const std::size_t comma = field.find(','); comma != std::string::npos) field[comma] = '.';
  return field;
}

}  // namespace

// Columns whose header is empty: skipped where they are empty, or hold row numbers in the first one.
class Table::Nameless {
 public:
  Nameless(const Records& records, const std::vector<std::string>& header) : header_line_(records.line()) {
    for (std::size_t column = 0; column < header.size(); ++column) {
      (header[column].empty() ? nameless_ : named_).push_back(column);
    }
  }

  // Columns up to the last one that has a name.
  std::size_t last_named() const { return named_.back() + 1; }

  // False where the row is empty in all named columns.
  bool look(const Records& records, const std::vector<std::string>& fields) {
    if (nameless_.empty()) return true;
    for (const std::size_t column : nameless_) {
      const std::string& field = fields[column];
      if (field.empty()) continue;
      if (column == 0 && is_row_number(field)) continue;
      records.fail(header_line_, column + 1,
                   fmt::format("a column without a name, in which line {} has {}{}: name it or take it out",
                               records.line(), printable(field), column == 0 ? ", which is no number of a row" : ""));
    }
    return std::ranges::any_of(named_, [&](std::size_t column) { return !fields[column].empty(); });
  }

  void finish(std::vector<std::string>& notes) const {
    if (!numbers_.empty()) notes.emplace_back("the first column has no name and holds row numbers: skipped");
    const std::size_t empty = nameless_.size() - (numbers_.empty() ? 0 : 1);
    if (empty > 0)
      notes.push_back(fmt::format("{} empty column{} without a name: skipped", empty, empty == 1 ? "" : "s"));
  }

 private:
  // Whole numbers, each once, in any order: pandas and R write them so, also for sorted or filtered rows.
  bool is_row_number(const std::string& field) {
    const bool digits = field.size() < 10 && std::ranges::all_of(field, [](char c) { return c >= '0' && c <= '9'; });
    return digits && numbers_.insert(field).second;
  }

  std::size_t header_line_;
  std::vector<std::size_t> nameless_, named_;
  std::unordered_set<std::string> numbers_;
};

Table Table::read(const std::filesystem::path& path, const Choice& choose) {
  TableText content = read_table_text(path);
  Table table;
  table.path_ = path;
  table.notes_ = std::move(content.notes);
  const char separator = separator_of(path.extension().string(), content.text);
  Records records(path, content.text, separator);
  std::vector<std::string> fields;
  if (!records.next(fields)) throw DataError(fmt::format("'{}' is empty, expected a header row", path.string()));
  const std::size_t width = fields.size();
  Nameless nameless(records, fields);
  table.take_header(records, fields, choose);

  while (records.next(fields)) {
    // Trailing separators with nothing between them do not count as columns.
    while (fields.size() > width && fields.back().empty()) fields.pop_back();
    if (fields.size() < width && fields.size() >= nameless.last_named()) fields.resize(width);
    if (fields.size() != width) {
      records.fail(records.line(), std::min(fields.size(), width),
                   fmt::format("{} fields, the header has {}", fields.size(), width));
    }
    if (!nameless.look(records, fields)) continue;
    table.lines_.push_back(records.line());
    for (const std::size_t column : table.file_columns_) table.fields_.push_back(std::move(fields[column]));
  }
  if (table.rows() == 0) throw DataError(fmt::format("'{}' has a header row but no data", path.string()));
  nameless.finish(table.notes_);
  if (separator != ',') table.read_decimal_commas();
  return table;
}

Table Table::joined(std::filesystem::path path, std::vector<std::string> names, const std::vector<Cell>& cells,
                    std::vector<Origin> origins) {
  Table table;
  table.path_ = std::move(path);
  table.names_ = std::move(names);
  table.origins_ = std::move(origins);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i % table.columns() == 0) table.lines_.push_back(table.origins_[cells[i].origin].line);
    table.fields_.push_back(cells[i].text);
    table.cell_origins_.push_back(cells[i].origin);
  }
  return table;
}

void Table::take_header(const Records& records, const std::vector<std::string>& header, const Choice& choose) {
  std::unordered_set<std::string_view> seen;
  std::vector<std::string> names;
  std::vector<std::size_t> named;
  for (std::size_t column = 0; column < header.size(); ++column) {
    if (header[column].empty()) continue;
    if (!seen.insert(header[column]).second)
      records.fail(records.line(), column + 1, fmt::format("column {} occurs twice", printable(header[column])));
    names.push_back(header[column]);
    named.push_back(column);
  }
  std::vector<std::size_t> chosen(names.size());
  std::iota(chosen.begin(), chosen.end(), std::size_t{0});
  if (choose) chosen = choose(names);
  for (const std::size_t index : chosen) {
    names_.push_back(names.at(index));
    file_columns_.push_back(named[index]);
  }
}

// Decimal commas: 60,5 becomes 60.5 in a column where every value is a number with a comma or without either mark. Not
// if every comma is followed by three digits: 1,234 may be a thousand.
void Table::read_decimal_commas() {
  for (std::size_t column = 0; column < columns(); ++column) {
    std::size_t commas = 0, first = 0;
    bool sure = false, numeric = true;
    for (std::size_t row = 0; numeric && row < rows(); ++row) {
      if (missing(row, column)) continue;
      const std::string& field = text(row, column);
      const std::size_t comma = field.find(',');
      numeric = field.find('.') == std::string::npos && parse_number(with_point(field)).has_value();
      if (comma == std::string::npos) continue;
      if (commas++ == 0) first = row;
      sure = sure || field.size() - comma != 4 || field.front() == '0' || field.starts_with("-0");
    }
    if (!numeric || commas == 0 || !sure) continue;
    notes_.push_back(fmt::format("{}: {} is read as a number with a decimal comma, likewise {} more",
                                 where(first, column), printable(text(first, column)), commas - 1));
    for (std::size_t row = 0; row < rows(); ++row) {
      std::string& field = fields_[row * columns() + column];
      if (!missing(row, column)) field = with_point(field);
    }
  }
}

std::optional<std::size_t> Table::find_column(std::string_view name) const {
  const auto found = std::ranges::find(names_, name);
  if (found == names_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names_.begin());
}

std::size_t Table::column(std::string_view name) const {
  if (const auto found = find_column(name)) return *found;
  const std::string nearest = nearest_name(name, names_);
  const std::string hint = nearest.empty()
                               ? fmt::format("it has {} columns, the first is {}", columns(), printable(names_[0]))
                               : fmt::format("did you mean {}?", printable(nearest));
  throw DataError(fmt::format("'{}' has no column {}; {}", path_.string(), printable(name), hint));
}

bool Table::missing(std::size_t row, std::size_t column) const { return is_missing_word(text(row, column)); }

std::optional<double> Table::number(std::size_t row, std::size_t column) const {
  if (missing(row, column)) return std::nullopt;
  const auto value = parse_number(text(row, column));
  if (!value) {
    throw DataError(fmt::format("{}: {} is not a finite number (expected digits with a decimal point, or NA)",
                                where(row, column), printable(text(row, column))));
  }
  return value;
}

bool Table::is_numeric(std::size_t column) const {
  bool any = false;
  for (std::size_t row = 0; row < rows(); ++row) {
    if (missing(row, column)) continue;
    if (!parse_number(text(row, column))) return false;
    any = true;
  }
  return any;
}

std::unordered_map<std::string, std::size_t> Table::index_by(std::size_t column) const {
  std::unordered_map<std::string, std::size_t> index;
  for (std::size_t row = 0; row < rows(); ++row) {
    if (missing(row, column)) throw DataError(fmt::format("{}: the identifier is missing", where(row, column)));
    const auto [known, inserted] = index.emplace(text(row, column), row);
    if (!inserted) {
      throw DataError(fmt::format("{}: the identifier {} occurs twice, first on line {}", where(row, column),
                                  printable(text(row, column)), line(known->second)));
    }
  }
  return index;
}

std::string Table::where(std::size_t row, std::size_t column) const {
  if (!origins_.empty()) {
    const Origin& origin = origins_[cell_origins_[row * columns() + column]];
    return fmt::format("'{}' line {} ({})", origin.path.string(), origin.line, printable(names_[column]));
  }
  return fmt::format("'{}' line {} column {} ({})", path_.string(), line(row), file_columns_[column] + 1,
                     printable(names_[column]));
}

bool is_excel_error(std::string_view text) {
  constexpr std::array<std::string_view, 8> kErrors{"#N/A",  "#VALUE!", "#DIV/0!", "#NUM!",
                                                    "#REF!", "#NAME?",  "#NULL!",  "#NV"};
  return std::ranges::find(kErrors, text) != kErrors.end();
}

bool is_missing_word(std::string_view text) {
  constexpr std::array<std::string_view, 8> kWords{"", ".", "-", "na", "n/a", "nan", "null", "<na>"};
  if (text.size() <= 4 && std::ranges::find(kWords, lower_case(text)) != kWords.end()) return true;
  return is_excel_error(text);
}

std::optional<double> parse_number(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);  // from_chars takes only a minus
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace brainmt::io
