#pragma once
// Reads the text of a table and converts it to UTF-8.
//
//   UTF-8, with or without its mark   as it is, without the mark
//   UTF-16 with its mark              converted (Excel's "Unicode text")
//   anything else                     taken for Windows-1252, of which latin-1 is a part, and converted
//   lone carriage returns             become line feeds where there is no line feed at all
//
// Workbooks and other files that are no text are refused under their own name, with the way to export them.
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace brainmt::io {

struct TableText {
  std::string text;
  std::vector<std::string> notes;  // what was converted, for the log
};

/// Throws DataError that begins with the path: cannot be read, too large, no text, or in no encoding that is known.
TableText read_table_text(const std::filesystem::path& path);

/// The separator of a table, from its header row and the rows behind it: the comma, tab or semicolon outside quotes
/// that gives every one of them the same number of fields, the largest if several do. `extension` decides a tie: .csv
/// means commas, .tsv and .tab mean tabs.
char separator_of(std::string_view extension, std::string_view text);

}  // namespace brainmt::io
