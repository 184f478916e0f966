#pragma once
// An atlas: a 3-D image of labels, and its parcels with names and centroids. P parcels: the labels that the image has,
// ascending, without the background 0.
#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "io/parcel_table.hpp"

namespace brainmt::parcels {

struct AtlasSettings {
  std::string atlas{};                // path of an image, or a name (parcels/find_atlas.hpp)
  std::filesystem::path labels{};     // table of names; empty: the one beside the image, if there is one
  std::filesystem::path directory{};  // where names are looked up first
  bool any_space = false;             // the atlas may be of another template than the data
  bool trust = false;                 // the image may be flipped against its table

  /// `atlas`, which `key` names, and the keys atlas.*.
  static AtlasSettings from_config(const config::Config& config, const std::string& key);
};

struct Atlas {
  std::filesystem::path path, table;         // table: empty where there is none
  std::array<std::int64_t, 3> shape{};       // X, Y, Z
  std::array<double, 16> affine{};           // row-major 4x4, voxel to mm
  std::vector<std::uint16_t> column;         // of each voxel, X fastest: its parcel's column + 1; 0: none
  std::vector<std::uint32_t> voxels;         // of each parcel
  io::ParcelTable parcels;                   // without min_coverage
  std::vector<std::int32_t> without_voxels;  // rows of the table without a voxel
  std::vector<std::int32_t> without_name;    // labels without a row, which are named by their number
  std::vector<std::string> notes, warnings;  // for the log
};

/// Reads `image`, and `table` unless that is empty. Throws DataError: no 3-D image, labels that are no whole numbers of 0
/// to 65,535 (to 1e-3), all zero, no orientation, parcels of the left hemisphere on the right or coordinates of the table
/// far from the parcels (unless `trust`), and what read_label_table() refuses. Coordinates of the table go before the
/// image's centroids.
Atlas read_atlas(const std::filesystem::path& image, const std::filesystem::path& table, bool trust);

/// `AtlasName_desc` of a BIDS name (`atlas-` and `desc-`), else the file's name without its ending.
std::string atlas_name(const std::filesystem::path& image);
/// Letters and digits of it, as in names of files: `atlas-<label>`.
std::string atlas_label(std::string_view name);

}  // namespace brainmt::parcels
