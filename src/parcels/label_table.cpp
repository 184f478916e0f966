#include "parcels/label_table.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <optional>

#include "base/error.hpp"
#include "io/lower_case.hpp"
#include "io/printable.hpp"
#include "io/table.hpp"
#include "io/table_text.hpp"

namespace brainmt::parcels {
namespace {

namespace fs = std::filesystem;

std::string hemisphere_of_word(std::string_view word) {
  const std::string lower = io::lower_case(std::string(word));
  if (lower == "l" || lower == "lh" || lower == "left") return "L";
  if (lower == "r" || lower == "rh" || lower == "right") return "R";
  return "";
}

std::optional<std::int32_t> whole_number(std::string_view text) {
  const std::optional<double> number = io::parse_number(text);  // 1.0, as some tools write it, is 1
  if (!number || *number < 0 || *number > std::numeric_limits<std::int32_t>::max() || *number != std::floor(*number))
    return std::nullopt;
  return static_cast<std::int32_t>(*number);
}

// Adds a row; `where` names file and line.
void add(LabelTable& table, const std::string& where, std::string_view index, Label label) {
  const std::optional<std::int32_t> number = whole_number(index);
  if (!number)
    throw DataError(fmt::format("{}: index {} is no whole number", where, io::printable(std::string(index))));
  if (label.name.empty()) throw DataError(fmt::format("{}: index {} has no name", where, *number));
  if (label.hemisphere.empty()) label.hemisphere = hemisphere_of_name(label.name);
  if (*number == 0) return;
  if (!table.labels.try_emplace(*number, std::move(label)).second)
    throw DataError(fmt::format("{}: index {} occurs twice: an index has one name", where, *number));
}

std::vector<std::string_view> fields_of(std::string_view line) {
  const std::string_view separators = line.find('\t') != std::string_view::npos  ? "\t\r"
                                      : line.find(',') != std::string_view::npos ? ",\r"
                                                                                 : " \r";
  std::vector<std::string_view> fields;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find_first_of(separators), line.size());
    std::string_view field = line.substr(0, end);
    while (!field.empty() && field.front() == ' ') field.remove_prefix(1);
    while (!field.empty() && field.back() == ' ') field.remove_suffix(1);
    if (!field.empty()) fields.push_back(field);
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return fields;
}

struct Line {
  std::string_view text;
  std::size_t number = 0;
};

// Without blank lines and comments.
std::vector<Line> lines_of(std::string_view text) {
  std::vector<Line> lines;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    const std::size_t first = line.find_first_not_of(" \t\r");
    if (first != std::string_view::npos && line[first] != '#') lines.push_back({line, number});
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

LabelTable read_without_header(const fs::path& path, const std::vector<Line>& lines) {
  LabelTable table;
  for (const Line& line : lines) {
    const std::string where = fmt::format("'{}' line {}", path.string(), line.number);
    const auto fields = fields_of(line.text);
    if (fields.size() != 2 && fields.size() != 5 && fields.size() != 6) {
      throw DataError(fmt::format(
          "{}: expected 'index name' or 'index name r g b [a]', found {} fields: give the table a header row with index "
          "and name",
          where, fields.size()));
    }
    add(table, where, fields[0], {.name = std::string(fields[1]), .network = {}, .hemisphere = {}});
  }
  return table;
}

std::optional<std::size_t> column_of(const io::Table& table, std::initializer_list<std::string_view> names) {
  for (const std::string_view wanted : names)
    for (std::size_t c = 0; c < table.columns(); ++c)
      if (io::lower_case(table.names()[c]) == wanted) return c;
  return std::nullopt;
}

// Nothing where all three are missing, as for the background.
std::optional<std::array<double, 3>> place_of(const io::Table& rows, std::size_t row,
                                              const std::array<std::optional<std::size_t>, 3>& columns,
                                              const std::string& where) {
  std::array<double, 3> mm{};
  std::size_t missing = 0;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::size_t column = columns[axis].value();
    const std::string text = rows.text(row, column);
    const std::optional<double> number = rows.missing(row, column) ? std::nullopt : io::parse_number(text);
    if (!number || !std::isfinite(*number)) {
      if (!rows.missing(row, column))
        throw DataError(
            fmt::format("{}: {} is no coordinate in mm: {}", where, rows.names()[column], io::printable(text)));
      ++missing;
      continue;
    }
    mm[axis] = *number;
  }
  if (missing == 3) return std::nullopt;
  if (missing > 0) throw DataError(fmt::format("{}: expected x, y and z in mm, {} of them missing", where, missing));
  return mm;
}

LabelTable read_with_header(const fs::path& path) {
  const io::Table rows = io::Table::read(path);
  const auto index = column_of(rows, {"index", "id", "label id", "label_id"});
  const auto name = column_of(rows, {"name", "label", "region"});
  if (!index || !name) {
    throw DataError(fmt::format("'{}': expected the columns index and name, found {}{}", path.string(),
                                io::printable(rows.columns() > 0 ? rows.names()[0] : ""),
                                rows.columns() > 1 ? fmt::format(" and {} more", rows.columns() - 1) : ""));
  }
  const auto hemisphere = column_of(rows, {"hemisphere", "hemi", "side"});
  const auto network = column_of(rows, {"network_label", "network", "label_7network", "label_17network"});
  std::array place{column_of(rows, {"x"}), column_of(rows, {"y"}), column_of(rows, {"z"})};
  if (!place[0]) place = {column_of(rows, {"r"}), column_of(rows, {"a"}), column_of(rows, {"s"})};
  const bool has_places = place[0] && place[1] && place[2];
  LabelTable table{.labels = {}, .has_networks = network.has_value(), .notes = rows.notes()};
  const auto text = [&](std::size_t row, const std::optional<std::size_t>& column) {
    return column && !rows.missing(row, *column) ? rows.text(row, *column) : std::string();
  };
  for (std::size_t r = 0; r < rows.rows(); ++r) {
    const std::string where = fmt::format("'{}' line {}", path.string(), rows.line(r));
    Label label{.name = rows.text(r, *name),
                .network = text(r, network),
                .hemisphere = hemisphere_of_word(text(r, hemisphere))};
    if (has_places) label.place = place_of(rows, r, place, where);
    add(table, where, rows.text(r, *index), std::move(label));
  }
  return table;
}

}  // namespace

std::string hemisphere_of_name(std::string_view name) {
  std::string found;
  const auto is_letter = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  for (auto from = name.begin(); from != name.end();) {
    from = std::find_if(from, name.end(), is_letter);
    const auto to = std::find_if_not(from, name.end(), is_letter);
    const std::string side = hemisphere_of_word(std::string_view(from, to));
    if (!side.empty() && !found.empty() && side != found) return "";  // says both
    if (!side.empty()) found = side;
    from = to;
  }
  return found;
}

LabelTable read_label_table(const fs::path& path) {
  const io::TableText text = io::read_table_text(path);
  const std::vector<Line> lines = lines_of(text.text);
  if (lines.empty()) throw DataError(fmt::format("'{}': expected a table of labels, found no row", path.string()));
  const auto first = fields_of(lines.front().text);
  if (first.empty() || !whole_number(first.front())) return read_with_header(path);
  LabelTable table = read_without_header(path, lines);
  table.notes = text.notes;
  return table;
}

}  // namespace brainmt::parcels
