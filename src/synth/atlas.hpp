#pragma once
// The atlas of a synthetic cohort: each blob of the planted networks is a parcel, the rest of the head is cut into cubes.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "synth/config.hpp"

namespace brainmt::synth {

struct SynthAtlas {
  std::vector<std::int16_t> labels;  // [voxel], X fastest; 0: none
  std::string table;                 // TSV: index, name, hemisphere, network_label
};
/// On config.grid. A parcel lies on one side of the midline; one without a voxel has no row.
SynthAtlas make_atlas(const SynthConfig& config);

/// Writes `path` (.nii.gz, int16) with the affine of the scans. Throws OutputError.
void write_atlas(const SynthConfig& config, const SynthAtlas& atlas, const std::filesystem::path& path);

}  // namespace brainmt::synth
