#include "io/cohort_layout.hpp"

#include <algorithm>
#include <cctype>
#include <climits>
#include <set>

#include "base/error.hpp"
#include "io/printable.hpp"

namespace brainmt::io {
namespace {

constexpr std::uint32_t kMaxExtent = 2048;
constexpr std::size_t kMaxNameBytes = 64;
constexpr std::size_t kMaxColumnNameBytes = 255;

bool is_safe_column_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxColumnNameBytes && name != "." &&
         name.find('/') == std::string_view::npos && is_storable_text(name);
}

void check_space(const CohortLayout& layout, const std::string& where) {
  const CohortGrid& grid = layout.grid;
  for (const std::uint32_t extent : {grid.x, grid.y, grid.z}) {
    if (extent < 1 || extent > kMaxExtent) {
      throw DataError(fmt::format("{}: a grid of {}x{}x{} voxels, each extent must be 1 to {}", where, grid.x, grid.y,
                                  grid.z, kMaxExtent));
    }
  }
  if (layout.voxels.empty()) throw DataError(fmt::format("{}: the mask has no voxel", where));
  const bool ascending =
      std::adjacent_find(layout.voxels.begin(), layout.voxels.end(), std::greater_equal<>()) == layout.voxels.end();
  if (!ascending || layout.voxels.back() >= grid.voxels()) {
    throw DataError(fmt::format("{}: the voxels are not ascending inside the grid", where));
  }
}

void check_scan(const CohortScan& scan, const std::string& where) {
  if (!is_participant_id(scan.participant_id)) {
    throw DataError(fmt::format("{}: participant id {} is not 1 to {} letters, digits, '_' or '-'", where,
                                printable(scan.participant_id), kMaxNameBytes));
  }
  if (!is_storable_text(scan.source) || !is_storable_text(scan.run)) {
    throw DataError(fmt::format("{}: the source or run name of {} is too long", where, scan.participant_id));
  }
  if (scan.frames == 0) throw DataError(fmt::format("{}: the scan of {} has no frame", where, scan.participant_id));
}

void check_column(const PhenotypeColumn& column, std::size_t scans, const std::string& where) {
  if (!is_safe_column_name(column.name)) {
    throw DataError(fmt::format("{}: the phenotype column {} needs another name: 1 to {} bytes, not '.', without '/'",
                                where, printable(column.name), kMaxColumnNameBytes));
  }
  const std::size_t rows = std::visit([](const auto& values) { return values.size(); }, column.values);
  if (rows != scans) {
    throw DataError(fmt::format("{}: the phenotype column {} has {} values for {} scans", where, printable(column.name),
                                rows, scans));
  }
  if (const auto* texts = std::get_if<std::vector<std::string>>(&column.values)) {
    if (!std::all_of(texts->begin(), texts->end(), is_storable_text)) {
      throw DataError(fmt::format("{}: a value of the phenotype column {} is too long", where, printable(column.name)));
    }
  }
}

}  // namespace

bool is_storable_text(std::string_view text) {
  return text.size() <= cohort_format::kMaxTextBytes && text.find('\0') == std::string_view::npos;
}

bool is_participant_id(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

std::uint64_t CohortDescription::total_frames() const {
  std::uint64_t total = 0;
  for (const CohortScan& scan : scans) total += scan.frames;
  return total;
}

void check_layout(const CohortLayout& layout, const std::string& where) {
  if (layout.parcels) {
    BRAINMT_CHECK(layout.voxels.empty() && layout.grid == CohortGrid(), "parcels have no grid");
    check_parcels(*layout.parcels, where);
  } else {
    check_space(layout, where);
  }
  if (layout.scans.empty()) throw DataError(fmt::format("{}: there is no scan", where));
  std::uint64_t total = 0;
  for (const CohortScan& scan : layout.scans) {
    check_scan(scan, where);
    if (scan.frames > INT_MAX - total) throw DataError(fmt::format("{}: more than {} frames", where, INT_MAX));
    total += scan.frames;
  }
  std::set<std::string_view> names;
  for (const PhenotypeColumn& column : layout.phenotypes) {
    check_column(column, layout.scans.size(), where);
    if (!names.insert(column.name).second) {
      throw DataError(fmt::format("{}: the phenotype column {} occurs twice", where, printable(column.name)));
    }
  }
  for (const std::string& text : {layout.normalization, layout.provenance, layout.layout, layout.processing}) {
    if (!is_storable_text(text)) throw DataError(fmt::format("{}: a text attribute is too long", where));
  }
}

}  // namespace brainmt::io
