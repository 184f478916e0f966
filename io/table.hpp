#pragma once
// Phenotype tables: delimited text with one header row.
//
// Accepted: commas, tabs or semicolons (io/table_text.hpp says how they are told apart, and which encodings), LF, CRLF
// or CR, fields in double quotes (with separators, doubled quotes and line breaks inside), rows that are blank or hold
// separators only, columns without a name that are empty, and a first one without a name that numbers the rows: those
// are skipped. Numbers are read without the locale: finite, no thousands separators, a decimal point, or a decimal
// comma where the separator is none and the whole column can be read in no other way. Missing values are blank, NA,
// N/A, <NA>, NaN or null in any case, a lone dot or minus, and Excel's errors. Everything is read at once; there are
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
  /// From the names of the header row (the columns that have one), which columns to keep: indices, each at most once.
  /// May throw DataError.
  using Choice = std::function<std::vector<std::size_t>(const std::vector<std::string>& names)>;

  /// `choose`: null keeps every column.
  static Table read(const std::filesystem::path& path, const Choice& choose = {});

  /// A table that was put together from others, row by row; `origin` is an index in `origins`.
  struct Cell {
    std::string text;
    std::size_t origin = 0;
  };
  struct Origin {
    std::filesystem::path path;
    std::size_t line = 0;
  };
  static Table joined(std::filesystem::path path, std::vector<std::string> names, const std::vector<Cell>& cells,
                      std::vector<Origin> origins);

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
  /// "'t.csv' line 3 column 2 ('age')".
  std::string where(std::size_t row, std::size_t column) const;

  const std::filesystem::path& path() const { return path_; }
  /// Notes on what was converted or skipped.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  class Records;
  class Nameless;

  Table() = default;
  void take_header(const Records& records, const std::vector<std::string>& header, const Choice& choose);
  void read_decimal_commas();

  std::filesystem::path path_;
  std::vector<std::string> names_;
  std::vector<std::size_t> file_columns_;  // indices of the kept columns in the file, from 0
  std::vector<std::string> fields_;        // rows x columns
  std::vector<std::size_t> lines_;
  std::vector<std::string> notes_;
  std::vector<Origin> origins_;            // of a joined table
  std::vector<std::size_t> cell_origins_;  // likewise, rows x columns
};

/// True if the field is a marker of a missing value.
bool is_missing_word(std::string_view text);
/// #N/A and the like: missing too, but by accident.
bool is_excel_error(std::string_view text);

/// The finite number that `text` spells from its first to its last character, or nothing. Independent of the locale.
std::optional<double> parse_number(std::string_view text);

}  // namespace brainmt::io
