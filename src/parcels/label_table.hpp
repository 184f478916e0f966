#pragma once
// Names of an atlas' labels. Read are
//
//   with a header row   TSV or CSV, as BIDS's dseg.tsv: columns found by name, in any case
//                         index (id, label id, label_id)
//                         name (label, region, where there is no name)
//                         hemisphere (hemi, side)          network_label (network, label_7network, label_17network)
//                         x, y, z (R, A, S): mm
//   without one         `index name` or `index name r g b [a]`, separated by blanks, tabs or commas: FreeSurfer's lookup
//                       tables and those of the Schaefer atlas; lines that begin with # are skipped
//
// Names come from the table only, never from the order of the labels: atlases of one name number their areas differently.
#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace brainmt::parcels {

struct Label {
  std::string name, network;  // empty: not known
  std::string hemisphere;     // L, R or empty: from its column, else from the name (LH_Vis_1, Left-Putamen, V1_R)
  std::optional<std::array<double, 3>> place = {};  // mm, RAS+
};

struct LabelTable {
  std::map<std::int32_t, Label> labels;  // by index, without the background (0)
  bool has_networks = false;
  std::vector<std::string> notes;  // on the encoding
};

/// Throws DataError, with the line: no column of the index, an index that is no whole number of 0 to 2^31 - 1 or occurs
/// twice, a row without a name, coordinates that are no numbers.
LabelTable read_label_table(const std::filesystem::path& path);

/// L, R or empty, from the parts of a name that are separated by anything but letters and digits.
std::string hemisphere_of_name(std::string_view name);

}  // namespace brainmt::parcels
