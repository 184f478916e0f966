#pragma once
// Settings of a synthetic cohort. Equations: docs/synthetic-cohort.md.
#include <array>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "config/config.hpp"

namespace brainmt::synth {

/// Simulated effect of sex: on the amplitude of slow fluctuations, or on which of two networks leads the other.
enum class Planted { kAmplitude, kLag };
/// Scans of voxels, or tables of parcel series (synth/parcels.hpp).
enum class Kind { kScans, kParcels };
/// How the files are named, and which table comes with them (synth/cohort_files.hpp, docs/layouts.md).
enum class Layout { kFlat, kUkb, kHcp, kBids };
/// Voxel type of the files; alternating gives every second subject int16, which has nothing to do with any label.
enum class VoxelType { kAlternating, kInt16, kFloat32 };

struct SynthConfig {
  std::filesystem::path out;
  Kind kind = Kind::kScans;
  int subjects = 192;
  std::array<int, 3> grid{24, 28, 24};  // voxels X, Y, Z
  int frames = 60;
  double tr = 0.735;  // seconds
  std::uint64_t seed = 1;
  Layout layout = Layout::kFlat;
  int runs = 0;  // scans of a participant: the same head and labels, other fluctuations; 0: as the layout has
  VoxelType dtype = VoxelType::kAlternating;
  Planted planted = Planted::kAmplitude;
  double sex_effect = 1.0;        // 0: none, 1: the documented default, more is stronger
  double cognition_effect = 1.0;  // likewise
  double fluctuation = 0.10;      // sd of a network's series at the centre of its blobs, relative to mean intensity
  double noise = 0.04;            // sd of the unstructured noise, relative to mean intensity
  double lag_seconds = 2.94;      // planted=lag: delay between the two networks
  int parcels = 32;               // kind=parcels: their number,
  int edges = 24;                 // those whose coupling depends on sex, and as many on cognition,
  double coupling = 0.1;          // and by how much the correlation on one may change

  static SynthConfig from_config(const config::Config& config);
};

/// Throws UsageError that names the key, the allowed range and the value.
void validate(const SynthConfig& config);

/// From the words of the command line: scans | parcels, flat | ukb | hcp | bids, amplitude | lag, alternating | int16 | float32. Throw
/// UsageError.
Kind parse_kind(std::string_view word);
Layout parse_layout(std::string_view word);
Planted parse_planted(std::string_view word);
VoxelType parse_voxel_type(std::string_view word);

}  // namespace brainmt::synth
