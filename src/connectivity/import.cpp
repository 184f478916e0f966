#include "connectivity/import.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <set>
#include <sstream>

#include "base/error.hpp"
#include "connectivity/estimators.hpp"
#include "connectivity/fc_metadata.hpp"
#include "io/checksum.hpp"
#include "io/cohort_layout.hpp"
#include "io/foreign_file.hpp"
#include "io/table.hpp"
#include "io/table_text.hpp"

namespace brainmt::connectivity {
namespace {

namespace fs = std::filesystem;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kMaxParcels = 4096;  // 8 million edges

// Lines of numbers.
std::vector<std::vector<double>> read_numbers(const fs::path& path) {
  if (const std::string foreign = io::foreign_file(path); !foreign.empty())
    throw DataError(fmt::format("'{}' {}", path.string(), foreign));
  std::string text = io::read_table_text(path).text;
  std::vector<std::vector<double>> lines;
  std::size_t line = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    ++line;
    std::vector<double> numbers;
    for (std::size_t at = begin; at < end;) {
      constexpr const char* kBetween = " \t,;\r";
      const std::size_t from = text.find_first_not_of(kBetween, at);
      if (from >= end) break;
      const std::size_t to = std::min(text.find_first_of(kBetween, from), end);
      const std::string_view word(text.data() + from, to - from);
      const auto value = io::parse_number(word);
      if (!value)
        throw DataError(fmt::format("'{}' line {} number {}: expected a finite number, found '{}'", path.string(), line,
                                    numbers.size() + 1, word.substr(0, 40)));
      numbers.push_back(*value);
      at = to;
    }
    if (!numbers.empty()) lines.push_back(std::move(numbers));
    begin = end + 1;
  }
  if (lines.empty()) throw DataError(fmt::format("'{}': expected numbers, found none", path.string()));
  return lines;
}

// (0,1), (0,2), (1,2), (0,3), ... to (0,1), (0,2), (0,3), ..., (1,2), ...
std::vector<double> rows_from_columns(const std::vector<double>& columns, std::size_t parcels) {
  std::vector<double> rows;
  rows.reserve(columns.size());
  for (const Edge& edge : edges_of(parcels)) rows.push_back(columns[std::size_t{edge.b} * (edge.b - 1) / 2 + edge.a]);
  return rows;
}

std::vector<double> in_our_order(std::vector<double> vector, EdgeOrder order, const std::string& where) {
  const std::size_t parcels = parcels_of_edges(vector.size());
  if (parcels < 2 || parcels > kMaxParcels)
    throw DataError(
        fmt::format("{}: expected K (K - 1) / 2 edges of K parcels (210 of 21, 1485 of 55), found {} numbers", where,
                    vector.size()));
  return order == EdgeOrder::kRows ? vector : rows_from_columns(vector, parcels);
}

// What one file holds: edges in our order, and the parcels' names where it has them.
struct Edges {
  std::vector<double> values;  // NaN: missing
  std::vector<std::string> names{};
};

void require_symmetric(const std::vector<std::vector<double>>& lines, const fs::path& path) {
  constexpr double kTolerance = 1e-4;  // matrices are printed with four digits and more
  for (std::size_t i = 0; i < lines.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const double a = lines[i][j], b = lines[j][i];
      const bool same = std::isnan(a) ? std::isnan(b) : std::abs(a - b) <= kTolerance * std::max(1.0, std::abs(a));
      if (!same)
        throw DataError(fmt::format("'{}': expected a symmetric matrix, found {} at ({}, {}) and {} at ({}, {})",
                                    path.string(), a, i + 1, j + 1, b, j + 1, i + 1));
    }
  }
}

std::vector<double> upper_of(const std::vector<std::vector<double>>& lines, const fs::path& path) {
  if (lines.size() < 2 || lines.size() > kMaxParcels)
    throw DataError(fmt::format("'{}': {} parcels, 2 to {} are read", path.string(), lines.size(), kMaxParcels));
  require_symmetric(lines, path);
  std::vector<double> edges;
  for (std::size_t i = 0; i < lines.size(); ++i)
    edges.insert(edges.end(), lines[i].begin() + static_cast<std::ptrdiff_t>(i) + 1, lines[i].end());
  return edges;
}

// A relmat of BIDS derivatives: the column Node, then a column a parcel; n/a is a missing edge.
Edges read_relmat(const fs::path& path) {
  const io::Table table = io::Table::read(path);
  const std::size_t node = table.column("Node"), parcels = table.columns() - 1;
  if (table.rows() != parcels)
    throw DataError(fmt::format("'{}': expected a square matrix, found {} rows of {} parcels", path.string(),
                                table.rows(), parcels));
  Edges edges;
  std::vector<std::vector<double>> lines;
  for (std::size_t row = 0; row < parcels; ++row) {
    edges.names.push_back(table.text(row, node));
    lines.emplace_back();
    for (std::size_t column = 0; column <= parcels; ++column) {
      if (column == node) continue;
      const auto value = table.number(row, column);
      lines.back().push_back(value.value_or(kNan));
      if (lines.back().size() == row + 1 && table.names()[column] != edges.names.back())
        throw DataError(fmt::format("{}: expected row '{}' where the column of that name stands, found '{}'",
                                    table.where(row, node), table.names()[column], edges.names.back()));
    }
  }
  edges.values = upper_of(lines, path);
  return edges;
}

bool is_relmat(const fs::path& path) {
  const std::string start = io::start_of_file(path);
  return start.starts_with("Node\t") || start.starts_with("Node,");
}

// A vector on one line or one number a line, or a symmetric matrix.
Edges read_edges(const fs::path& path, EdgeOrder order) {
  if (is_relmat(path)) return read_relmat(path);
  const std::vector<std::vector<double>> lines = read_numbers(path);
  const bool column = std::ranges::all_of(lines, [](const auto& line) { return line.size() == 1; });
  if (lines.size() == 1 || column) {
    std::vector<double> vector;
    for (const auto& line : lines) vector.insert(vector.end(), line.begin(), line.end());
    return {in_our_order(std::move(vector), order, fmt::format("'{}'", path.string()))};
  }
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].size() != lines.size())
      throw DataError(
          fmt::format("'{}': expected a vector of edges or a square matrix, found {} lines and {} numbers in line {}",
                      path.string(), lines.size(), lines[i].size(), i + 1));
  }
  return {upper_of(lines, path)};
}

// 25754 and 25755 hold 21 and 55 numbers, which are K (K - 1) / 2 too: of 7 and 11.
void refuse_amplitudes(const std::string& name) {
  for (const char* field : {"25754", "25755"}) {
    const std::size_t at = name.find(field);
    if (at == std::string::npos) continue;
    const bool alone = (at == 0 || !std::isdigit(static_cast<unsigned char>(name[at - 1]))) &&
                       (at + 5 >= name.size() || !std::isdigit(static_cast<unsigned char>(name[at + 5])));
    if (alone)
      throw DataError(
          fmt::format("'{}': UK Biobank's field {} holds the amplitudes of nodes, not edges: take 25750 or 25751 "
                      "(full), 25752 or 25753 (partial correlation)",
                      name, field));
  }
}

std::string suffix_of(const std::string& name) { return name.substr(std::min(name.find_first_of("_."), name.size())); }

// Files of the folder by participant.
std::map<std::string, fs::path> files_of(const ImportSettings& settings) {
  std::map<std::string, std::size_t> suffixes;
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(settings.from)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with('.') || !entry.is_regular_file()) continue;
    if (!settings.suffix.empty() && !name.ends_with(settings.suffix)) continue;
    names.push_back(name);
    ++suffixes[settings.suffix.empty() ? suffix_of(name) : settings.suffix];
  }
  if (names.empty())
    throw DataError(fmt::format("'{}': expected files <participant>{}, found none", settings.from.string(),
                                settings.suffix.empty() ? "_..." : settings.suffix));
  if (suffixes.size() > 1) {
    std::string found;
    for (const auto& [suffix, count] : suffixes)
      found += fmt::format("{}{} ({})", found.empty() ? "" : ", ", suffix, count);
    throw DataError(
        fmt::format("'{}': expected files of one kind, found names that end in {}: choose one with import.suffix=",
                    settings.from.string(), found.substr(0, 300)));
  }
  const std::string& suffix = suffixes.begin()->first;
  std::map<std::string, fs::path> files;
  for (const std::string& name : names) {
    refuse_amplitudes(name);
    const std::string id = name.substr(0, name.size() - suffix.size());
    if (!io::is_participant_id(id))
      throw DataError(fmt::format("'{}': '{}' is no participant id (letters, digits, '_', '-')",
                                  (settings.from / name).string(), id));
    files.emplace(id, settings.from / name);
  }
  return files;
}

void add_row(ImportedFc& result, const std::string& id, const Edges& row, ImportedValues values,
             const std::string& where) {
  const std::vector<double>& edges = row.values;
  const std::size_t parcels = parcels_of_edges(edges.size()), first = result.description.parcels.size();
  if (result.description.participants.empty()) {
    io::ParcelTable& table = result.description.parcels;
    for (std::size_t k = 0; k < parcels; ++k) {
      table.index.push_back(static_cast<std::int32_t>(k + 1));
      table.name.push_back(row.names.empty() ? std::to_string(k + 1) : row.names[k]);
    }
    table.network.assign(parcels, ""), table.hemisphere.assign(parcels, "");
    table.centroid.assign(parcels, {kNan, kNan, kNan});
  } else if (parcels != first) {
    throw DataError(fmt::format("{}: participant {} has {} edges ({} parcels), the first one {} parcels", where, id,
                                edges.size(), parcels, first));
  }
  if (!row.names.empty() && row.names != result.description.parcels.name)
    throw DataError(fmt::format("{}: participant {} has parcels of other names than the first one", where, id));
  for (const double edge : edges) {
    if (values == ImportedValues::kCorrelation && std::abs(edge) > 1)
      throw DataError(fmt::format(
          "{}: participant {}: expected correlations from -1 to 1, found {}: give import.values=z for values "
          "that are none",
          where, id, edge));
    result.edges.push_back(static_cast<float>(values == ImportedValues::kCorrelation ? fisher(edge) : edge));
  }
  result.description.participants.push_back({.id = id});
}

void import_folder(const ImportSettings& settings, ImportedFc& result) {
  for (const auto& [id, path] : files_of(settings))
    add_row(result, id, read_edges(path, settings.order), settings.values, fmt::format("'{}'", path.string()));
}

void import_table(const ImportSettings& settings, ImportedFc& result) {
  refuse_amplitudes(settings.from.filename().string());
  const io::Table table = io::Table::read(settings.from);
  std::optional<std::size_t> id_column;
  for (const char* name : {"participant_id", "eid", "Subject", "subject", "id"}) {
    if (!id_column) id_column = table.find_column(name);
  }
  if (!id_column)
    throw DataError(fmt::format("'{}': expected a column participant_id (or eid, Subject), found '{}', ...",
                                settings.from.string(), table.names().front()));
  table.index_by(*id_column);  // refuses ids that are missing or occur twice
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const std::string& id = table.text(row, *id_column);
    std::vector<double> edges;
    for (std::size_t column = 0; column < table.columns(); ++column) {
      if (column == *id_column) continue;
      const auto value = table.number(row, column);
      if (!value)
        throw DataError(fmt::format("{}: expected a number, found a missing value", table.where(row, column)));
      edges.push_back(*value);
    }
    const std::string where = fmt::format("'{}' line {}", settings.from.string(), table.line(row));
    if (!io::is_participant_id(id))
      throw DataError(fmt::format("{}: '{}' is no participant id (letters, digits, '_', '-')", where, id));
    add_row(result, id, {in_our_order(std::move(edges), settings.order, where)}, settings.values, where);
  }
}

}  // namespace

std::size_t parcels_of_edges(std::size_t edges) {
  const auto parcels = static_cast<std::size_t>(std::lround((1 + std::sqrt(1 + 8 * static_cast<double>(edges))) / 2));
  return edges > 0 && parcels * (parcels - 1) / 2 == edges ? parcels : 0;
}

ImportedFc import_fc(const ImportSettings& settings) {
  ImportedFc result;
  FcDescription& d = result.description;
  std::error_code unknown;
  if (!fs::exists(settings.from, unknown)) throw DataError(fmt::format("'{}' does not exist", settings.from.string()));
  if (fs::is_directory(settings.from)) {
    import_folder(settings, result);
  } else {
    import_table(settings, result);
  }
  d.values = settings.partial ? "partial" : "fisher";
  std::string text;
  for (const FcRow& row : d.participants) text += row.id + '\n';
  text.append(reinterpret_cast<const char*>(result.edges.data()), result.edges.size() * sizeof(float));
  d.metadata = {{"kind", "imported"},
                {"definition", settings.values == ImportedValues::kCorrelation
                                   ? "Fisher z of the imported correlations, clipped at 1 - 1e-6"
                                   : "values as they were imported"},
                {"vector_order", "upper triangle row by row: (0,1), (0,2), ..., (1,2), ..."},
                {"imported_from", settings.from.filename().string()},
                {"imported_order", settings.order == EdgeOrder::kRows ? "rows" : "columns"},
                {"imported_sha256", io::sha256(std::as_bytes(std::span(text)))},
                {"rows", "participant"},
                {"fitted", "none"},
                {"fitted_on", "none"},
                {"split_sha256", "none"},
                {"atlas", ""},
                {"program", settings.program}};
  describe_rows(d);
  return result;
}

}  // namespace brainmt::connectivity
