#include "io/table.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <span>
#include <unordered_set>

#include "base/error.hpp"
#include "base/nearest.hpp"
#include "io/file_descriptor.hpp"
#include "io/lower_case.hpp"
#include "io/printable.hpp"

namespace brainmt::io {
namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;
constexpr std::size_t kLongestLine = std::size_t{1} << 20;
constexpr std::size_t kMostColumns = 100'000;  // a full UK Biobank export has about 30,000
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string read_whole(const std::filesystem::path& path) {
  const FileDescriptor fd = open_for_reading(path);
  const std::uint64_t size = file_size(fd, path);
  if (size > kMostBytes) {
    throw DataError(fmt::format("'{}' has {} bytes, a table may have {}; keep only the columns that are needed",
                                path.string(), size, kMostBytes));
  }
  std::string content(static_cast<std::size_t>(size), '\0');
  read_exactly(fd, path, 0, std::as_writable_bytes(std::span(content)));
  return content;
}

char separator_of(const std::filesystem::path& path, std::string_view content) {
  const std::string extension = lower_case(path.extension().string());
  if (extension == ".tsv" || extension == ".tab") return '\t';
  if (extension == ".csv") return ',';
  const std::string_view header = content.substr(0, content.find('\n'));
  return std::ranges::count(header, '\t') > std::ranges::count(header, ',') ? '\t' : ',';
}

// Splits the content into records of fields, keeping the line for messages.
class Records {
 public:
  Records(const std::filesystem::path& path, std::string_view content, char separator)
      : path_(path), rest_(content), separator_(separator) {}

  /// The next record that is not blank; false at the end of the file.
  bool next(std::vector<std::string>& fields) {
    do {
      if (rest_.empty()) return false;
      read_record(fields);
    } while (fields.size() == 1 && fields.front().empty());
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
      if (fields.size() == kMostColumns)
        fail(record_line_, fields.size(), fmt::format("more than {} columns", kMostColumns));
      std::string& field = fields.emplace_back();
      const std::size_t column = fields.size();
      const std::size_t first = rest_.find_first_not_of(' ');
      if (first != std::string_view::npos && rest_[first] == '"') {
        rest_.remove_prefix(first + 1);
        read_quoted(field, column);
      } else {
        const std::size_t end = std::min(rest_.find_first_of(separator_ == ',' ? ",\n" : "\t\n"), rest_.size());
        field = trimmed(without_return(rest_.substr(0, end), end));
        rest_.remove_prefix(end);
        if (field.find('"') != std::string::npos)
          fail(line_, column, "a quote inside a field that does not begin with one");
      }
      if (field.find('\0') != std::string::npos) fail(record_line_, column, "a zero byte; is this a text file?");
      if (available - rest_.size() > kLongestLine) {
        fail(record_line_, column, fmt::format("row of more than {} bytes; is a quote unclosed?", kLongestLine));
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
  std::size_t line_ = 1, record_line_ = 1;
};

}  // namespace

Table Table::read(const std::filesystem::path& path, const Choice& choose) {
  const std::string whole = read_whole(path);
  std::string_view content = whole;
  if (content.starts_with(kByteOrderMark)) content.remove_prefix(kByteOrderMark.size());

  Table table;
  table.path_ = path;
  Records records(path, content, separator_of(path, content));
  std::vector<std::string> fields;
  if (!records.next(fields)) throw DataError(fmt::format("'{}' is empty, expected a header row", path.string()));
  std::unordered_set<std::string_view> seen;
  for (std::size_t column = 0; column < fields.size(); ++column) {
    const std::string& name = fields[column];
    if (name.empty()) records.fail(records.line(), column + 1, "a column without a name");
    if (!seen.insert(name).second)
      records.fail(records.line(), column + 1, fmt::format("column {} occurs twice", printable(name)));
  }

  const std::size_t width = fields.size();
  table.places_.resize(width);
  std::iota(table.places_.begin(), table.places_.end(), std::size_t{0});
  if (choose) table.places_ = choose(fields);
  for (const std::size_t place : table.places_) table.names_.push_back(fields.at(place));

  while (records.next(fields)) {
    if (fields.size() != width) {
      records.fail(records.line(), std::min(fields.size(), width),
                   fmt::format("{} fields, the header has {}", fields.size(), width));
    }
    table.lines_.push_back(records.line());
    for (const std::size_t place : table.places_) table.fields_.push_back(std::move(fields[place]));
  }
  if (table.rows() == 0) throw DataError(fmt::format("'{}' has a header row but no data", path.string()));
  return table;
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

bool Table::missing(std::size_t row, std::size_t column) const {
  const std::string& field = text(row, column);
  if (field.empty() || field == ".") return true;
  if (field.size() > 4) return false;
  const std::string word = lower_case(field);
  return word == "na" || word == "n/a" || word == "nan" || word == "null";
}

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
  return fmt::format("'{}' line {} column {} ({})", path_.string(), line(row), places_[column] + 1,
                     printable(names_[column]));
}

std::optional<double> parse_number(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);  // from_chars takes only a minus
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace brainmt::io
