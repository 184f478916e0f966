#pragma once
// The files of an atlas that is named on the command line, and its template against that of the data.
//
//   a path             of an image; also where a file of that name is there
//   a name             in `atlas.dir`, then in the folders tpl-* of $TEMPLATEFLOW_HOME. Its parts, separated by `_`, are
//                      looked for in names of files: the first is the atlas (`atlas-Schaefer2018`, or all of another
//                      file's name without .nii), the others begin an entity's value (`400Parcels7Networks`, `400`) or
//                      are one (`res-02`, `tpl-MNI152NLin6Asym`).
//
// Of several resolutions the one next to the data's voxel size is taken; other choices are the user's. Nothing is ever
// downloaded.
#include <filesystem>
#include <string>
#include <vector>

#include "parcels/atlas.hpp"

namespace brainmt::parcels {

/// What is known of the data's space.
struct DataSpace {
  std::string name;       // template or own space, as MNI152NLin6Asym or T1w; empty: not known
  double voxel_size = 2;  // mm
};

struct AtlasFiles {
  std::filesystem::path image, table;  // table: empty where there is none
};

/// Throws UsageError: nothing of this name, or several files that differ in more than resolution.
AtlasFiles find_atlas(const AtlasSettings& settings, const DataSpace& data);

/// The template in a name of a file (`tpl-`, else `space-`); empty: none.
std::string space_in_name(const std::filesystem::path& file);

/// Finds, reads and compares the spaces where both are known: a warning where both are versions of MNI152, and a
/// DataError where the data lie in a participant's own space or in a template that is no MNI152, unless any_space.
Atlas open_atlas(const AtlasSettings& settings, const DataSpace& data);

}  // namespace brainmt::parcels
