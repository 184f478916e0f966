#include "parcels/atlas.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "io/bids_name.hpp"
#include "io/checksum.hpp"
#include "io/nifti.hpp"
#include "io/printable.hpp"
#include "parcels/label_table.hpp"

namespace brainmt::parcels {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLabels = 65536;
constexpr double kTolerance = 1e-3;  // of a label that a slope or a tool has rounded
constexpr std::size_t kListed = 8;   // in a message

std::string listed(const std::vector<std::int32_t>& labels) {
  std::string text;
  for (std::size_t i = 0; i < std::min(labels.size(), kListed); ++i)
    text += fmt::format("{}{}", i == 0 ? "" : ", ", labels[i]);
  return text + (labels.size() > kListed ? ", ..." : "");
}

std::uint16_t label_of(float value, const fs::path& path) {
  const double label = std::round(static_cast<double>(value));
  if (std::abs(static_cast<double>(value) - label) <= kTolerance && label >= 0 && label < kLabels)
    return static_cast<std::uint16_t>(label);
  const bool fraction = std::isfinite(value) && std::abs(static_cast<double>(value) - label) > kTolerance;
  throw DataError(fmt::format(
      "'{}': a voxel is {:g}, expected labels: whole numbers from 0 to {}{}", path.string(), value, kLabels - 1,
      fraction ? "; an atlas of probabilities or weights has a maximum-probability version with labels, take that"
               : ""));
}

std::vector<std::uint16_t> read_labels(const fs::path& path, Atlas& atlas) {
  io::NiftiReader reader(path);
  const io::NiftiHeader& header = reader.header();
  if (header.frames() != 1) {
    throw DataError(fmt::format(
        "'{}' has {} volumes, expected one of labels: probabilities and overlapping networks are no parcels; "
        "take the atlas' maximum-probability version",
        path.string(), header.frames()));
  }
  if (header.affine_source == io::AffineSource::kVoxelSizes) {
    throw DataError(
        fmt::format("'{}' does not say its orientation (no usable sform or qform): copy it from the template that the "
                    "atlas belongs to (FSL: fslcpgeom)",
                    path.string()));
  }
  atlas.shape = {header.shape[0], header.shape[1], header.shape[2]};
  atlas.affine = header.affine;
  std::vector<float> values(header.frame_voxels());
  reader.next_frame(values);
  if (reader.next_frame(values)) throw InternalError("an image of one volume has a second");
  std::vector<std::uint16_t> labels(values.size());
  for (std::size_t v = 0; v < values.size(); ++v) labels[v] = label_of(values[v], path);
  return labels;
}

// Columns of the labels that occur, ascending; voxels, centroids.
void make_parcels(Atlas& atlas, const std::vector<std::uint16_t>& labels) {
  std::vector<std::uint32_t> count(kLabels, 0);
  for (const std::uint16_t label : labels) ++count[label];
  std::vector<std::uint16_t> column(kLabels, 0);
  io::ParcelTable& parcels = atlas.parcels;
  for (std::size_t label = 1; label < kLabels; ++label) {
    if (count[label] == 0) continue;
    parcels.index.push_back(static_cast<std::int32_t>(label));
    atlas.voxels.push_back(count[label]);
    column[label] = static_cast<std::uint16_t>(parcels.index.size());
  }
  if (parcels.index.empty())
    throw DataError(fmt::format("'{}': every voxel is 0, expected labels", atlas.path.string()));
  std::vector<std::array<double, 3>> sums(parcels.size());
  atlas.column.resize(labels.size());
  std::size_t v = 0;
  for (std::int64_t z = 0; z < atlas.shape[2]; ++z)
    for (std::int64_t y = 0; y < atlas.shape[1]; ++y)
      for (std::int64_t x = 0; x < atlas.shape[0]; ++x, ++v) {
        const std::uint16_t c = atlas.column[v] = column[labels[v]];
        if (c == 0) continue;
        sums[c - 1][0] += static_cast<double>(x);
        sums[c - 1][1] += static_cast<double>(y);
        sums[c - 1][2] += static_cast<double>(z);
      }
  for (std::size_t p = 0; p < sums.size(); ++p) {
    std::array<double, 3> mm{};
    for (std::size_t row = 0; row < 3; ++row) {
      mm[row] = atlas.affine[4 * row + 3];
      for (std::size_t axis = 0; axis < 3; ++axis)
        mm[row] += atlas.affine[4 * row + axis] * sums[p][axis] / atlas.voxels[p];
    }
    parcels.centroid.push_back(mm);
  }
}

// Coordinates that the table gives: a parcel's column, mm.
using Places = std::vector<std::pair<std::size_t, std::array<double, 3>>>;

Places name_parcels(Atlas& atlas) {
  Places places;
  io::ParcelTable& parcels = atlas.parcels;
  const std::size_t count = parcels.size();
  parcels.network.resize(count);
  parcels.hemisphere.resize(count);
  LabelTable table;
  if (!atlas.table.empty()) {
    table = read_label_table(atlas.table);
    parcels.table_sha256 = io::sha256_of_file(atlas.table);
    atlas.notes = table.notes;
  }
  for (std::size_t p = 0; p < count; ++p) {
    const auto row = table.labels.find(parcels.index[p]);
    if (row == table.labels.end()) {
      parcels.name.push_back(fmt::format("{}", parcels.index[p]));
      atlas.without_name.push_back(parcels.index[p]);
      continue;
    }
    parcels.name.push_back(row->second.name);
    parcels.network[p] = row->second.network;
    parcels.hemisphere[p] = row->second.hemisphere;
    if (row->second.place) places.emplace_back(p, *row->second.place);
    table.labels.erase(row);
  }
  for (const auto& [index, label] : table.labels) atlas.without_voxels.push_back(index);
  if (atlas.table.empty()) {
    atlas.without_name.clear();
    return places;
  }
  if (!atlas.without_name.empty())
    atlas.warnings.push_back(fmt::format("'{}': {} of {} labels have no row in '{}' and are named by their number: {}",
                                         atlas.path.string(), atlas.without_name.size(), count, atlas.table.string(),
                                         listed(atlas.without_name)));
  if (!atlas.without_voxels.empty())
    atlas.notes.push_back(fmt::format("'{}': {} rows have no voxel in '{}': {}", atlas.table.string(),
                                      atlas.without_voxels.size(), atlas.path.string(), listed(atlas.without_voxels)));
  return places;
}

// The table's coordinates instead of the centroids: what models of published weights were given. They may lie beside the
// parcel, by 13 mm in that of A424.
void take_places(Atlas& atlas, const Places& places, bool trust) {
  constexpr double kFar = 20;  // mm
  if (places.empty()) return;
  std::vector<double> apart;
  for (const auto& [p, mm] : places) {
    std::array<double, 3>& centroid = atlas.parcels.centroid[p];
    apart.push_back(std::hypot(mm[0] - centroid[0], mm[1] - centroid[1], mm[2] - centroid[2]));
    centroid = mm;
  }
  std::ranges::sort(apart);
  const double median = apart[apart.size() / 2];
  const std::string found = fmt::format(
      "'{}': coordinates of {} parcels are the table's, {:.1f} mm (median; at most {:.1f}) from the centres in '{}'",
      atlas.table.string(), places.size(), median, apart.back(), atlas.path.string());
  if (median > kFar && !trust)
    throw DataError(found + ": image and table do not belong together; give the right pair, or atlas.trust=true");
  atlas.notes.push_back(found);
}

// Parcels of a named hemisphere lie in it. Those near the midline may cross it.
void check_sides(Atlas& atlas, bool trust) {
  constexpr double kMidline = 4;  // mm
  std::size_t sided = 0, wrong = 0;
  std::string first;
  for (std::size_t p = 0; p < atlas.parcels.size(); ++p) {
    const std::string& side = atlas.parcels.hemisphere[p];
    const double x = atlas.parcels.centroid[p][0];
    if (side.empty() || std::abs(x) <= kMidline) continue;
    ++sided;
    if ((side == "L") == (x < 0)) continue;
    ++wrong;
    if (first.empty())
      first = fmt::format("{} ({}) has its centre at x = {:.1f} mm", io::printable(atlas.parcels.name[p]), side, x);
  }
  if (wrong == 0) return;
  const std::string found = fmt::format("'{}': {} of {} parcels with a side in '{}' lie on the other one: {}",
                                        atlas.path.string(), wrong, sided, atlas.table.string(), first);
  if (2 * wrong > sided && !trust) {
    throw DataError(
        found + "; the image is flipped, or the table is of another version: give the right pair, or atlas.trust=true");
  }
  atlas.warnings.push_back(found);
}

}  // namespace

AtlasSettings AtlasSettings::from_config(const config::Config& config, const std::string& key) {
  return {.atlas = config.get<std::string>(key),
          .labels = config.get<std::string>("atlas.labels"),
          .directory = config.get<std::string>("atlas.dir"),
          .any_space = config.get<bool>("atlas.any_space"),
          .trust = config.get<bool>("atlas.trust")};
}

std::string atlas_name(const fs::path& image) {
  const std::string file = image.filename().string();
  if (const auto name = io::parse_bids_name(file); name && !name->value("atlas").empty()) {
    const std::string_view desc = name->value("desc");
    return std::string(name->value("atlas")) + (desc.empty() ? "" : "_" + std::string(desc));
  }
  return file.substr(0, file.find(".nii"));
}

std::string atlas_label(std::string_view name) {
  std::string label;
  for (const char c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) label += c;
  return label.empty() ? "unnamed" : label;
}

Atlas read_atlas(const fs::path& image, const fs::path& table, bool trust) {
  Atlas atlas;
  atlas.path = image;
  atlas.table = table;
  make_parcels(atlas, read_labels(image, atlas));
  atlas.parcels.atlas = atlas_name(image);
  atlas.parcels.atlas_sha256 = io::sha256_of_file(image);
  const Places places = name_parcels(atlas);
  check_sides(atlas, trust);
  take_places(atlas, places, trust);
  io::check_parcels(atlas.parcels, fmt::format("'{}'", image.string()));
  return atlas;
}

}  // namespace brainmt::parcels
