#pragma once
// Phenotype tables: CSV or TSV with one header row.
//
// Accepted: byte order mark, LF or CRLF, fields in double quotes (with separators, doubled quotes and line breaks
// inside), blank lines at the end. The separator is a tab in `.tsv` and `.tab` files, a comma in `.csv`, else whichever
// the header row has more of. Numbers are read without the locale: a decimal point, no thousands separators, finite.
// Missing values are blank, NA, N/A, NaN or null in any case, and a lone dot. Everything is read at once; there are
// caps on file, line and field count; of a wide table only the columns that are asked for are kept. Every failure is a
// DataError of one line that names file, line and column.
#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace brainmt::io {

class Table {
 public:
  /// From the names of the header row, which columns to keep: indices, each at most once. May throw DataError.
  using Choice = std::function<std::vector<std::size_t>(const std::vector<std::string>& names)>;

  /// `choose`: null keeps every column.
  static Table read(const std::filesystem::path& path, const Choice& choose = {});

  std::size_t rows() const { return lines_.size(); }
  std::size_t columns() const { return names_.size(); }
  const std::vector<std::string>& names() const { return names_; }

  std::optional<std::size_t> find_column(std::string_view name) const;
  /// Throws DataError that suggests the nearest existing name.
  std::size_t column(std::string_view name) const;

  /// The field as written, without surrounding blanks and quotes.
  const std::string& text(std::size_t row, std::size_t column) const { return fields_[row * names_.size() + column]; }
  bool missing(std::size_t row, std::size_t column) const;
  /// The field as a number, or nothing when it is missing. Throws DataError when it is neither.
  std::optional<double> number(std::size_t row, std::size_t column) const;
  /// True when every field of the column is a number or missing, and at least one is a number.
  bool is_numeric(std::size_t column) const;

  /// Row of each identifier. Throws DataError when one is missing or occurs twice.
  std::unordered_map<std::string, std::size_t> index_by(std::size_t column) const;

  /// 1-based line of the file on which the row begins.
  std::size_t line(std::size_t row) const { return lines_[row]; }

 private:
  Table() = default;
  std::string where(std::size_t row, std::size_t column) const;

  std::filesystem::path path_;
  std::vector<std::string> names_;
  std::vector<std::size_t> places_;  // of the kept columns in the file, from 0
  std::vector<std::string> fields_;  // rows x columns
  std::vector<std::size_t> lines_;
};

/// The finite number that `text` spells from its first to its last character, or nothing. Independent of the locale.
std::optional<double> parse_number(std::string_view text);

}  // namespace brainmt::io
