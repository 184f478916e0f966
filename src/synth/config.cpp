#include "synth/config.hpp"

#include "base/error.hpp"
#include "synth/parcels.hpp"

namespace brainmt::synth {
namespace {

// Negated, so that NaN is refused too.
void require_range(const char* key, double value, double low, double high) {
  if (!(value >= low && value <= high)) {
    throw UsageError(fmt::format("synth: {} is {}, expected {} to {}", key, value, low, high));
  }
}

// UK Biobank scanned twice, HCP four times; a flat folder has one file a participant.
int max_runs(Layout layout) {
  switch (layout) {
    case Layout::kFlat:
      return 1;
    case Layout::kUkb:
      return 2;
    case Layout::kHcp:
      return 4;
    case Layout::kBids:
      break;
  }
  return 99;
}

}  // namespace

SynthConfig SynthConfig::from_config(const config::Config& config) {
  const auto grid = config.get<std::vector<std::int64_t>>("grid");
  return {.out = config.get<std::string>("out"),
          .kind = parse_kind(config.get<std::string>("kind")),
          .subjects = config.get<int>("subjects"),
          .grid = {static_cast<int>(grid[0]), static_cast<int>(grid[1]), static_cast<int>(grid[2])},
          .frames = config.get<int>("frames"),
          .tr = config.get<double>("tr"),
          .seed = static_cast<std::uint64_t>(config.get<std::int64_t>("seed")),
          .layout = parse_layout(config.get<std::string>("layout")),
          .runs = config.get<int>("runs"),
          .dtype = parse_voxel_type(config.get<std::string>("dtype")),
          .planted = parse_planted(config.get<std::string>("planted")),
          .sex_effect = config.get<double>("sex_effect"),
          .cognition_effect = config.get<double>("cognition_effect"),
          .fluctuation = config.get<double>("fluctuation"),
          .noise = config.get<double>("noise"),
          .lag_seconds = config.get<double>("lag_seconds"),
          .parcels = config.get<int>("parcels"),
          .edges = config.get<int>("edges"),
          .coupling = config.get<double>("coupling")};
}

void validate(const SynthConfig& config) {
  if (config.out.empty()) throw UsageError("synth: out is not set, expected a folder to write the cohort to");
  require_range("subjects", config.subjects, 1, 1e6);
  for (const int extent : config.grid) require_range("grid", extent, 8, 512);
  require_range("frames", config.frames, 8, 32767);  // NIfTI-1 counts frames in 16 bits
  require_range("tr", config.tr, 0.05, 20);
  require_range("sex_effect", config.sex_effect, 0, 5);
  require_range("cognition_effect", config.cognition_effect, 0, 2);
  require_range("fluctuation", config.fluctuation, 0, 0.15);
  require_range("noise", config.noise, 0.001, 0.15);
  require_range("lag_seconds", config.lag_seconds, 0, 60);
  require_range("runs", config.runs, 0, config.kind == Kind::kParcels ? 99 : max_runs(config.layout));
  require_range("parcels", config.parcels, 4, 1000);
  require_range("edges", config.edges, 0, 1e6);
  require_range("coupling", config.coupling, 0, 0.8);
  if (config.kind == Kind::kParcels) validate_parcels(config);
}

Kind parse_kind(std::string_view word) {
  if (word == "scans") return Kind::kScans;
  if (word == "parcels") return Kind::kParcels;
  throw UsageError(fmt::format("synth: kind is '{}', expected scans or parcels", word));
}

Layout parse_layout(std::string_view word) {
  if (word == "flat") return Layout::kFlat;
  if (word == "ukb") return Layout::kUkb;
  if (word == "hcp") return Layout::kHcp;
  if (word == "bids") return Layout::kBids;
  throw UsageError(fmt::format("synth: layout is '{}', expected flat, ukb, hcp or bids", word));
}

Planted parse_planted(std::string_view word) {
  if (word == "amplitude") return Planted::kAmplitude;
  if (word == "lag") return Planted::kLag;
  throw UsageError(fmt::format("synth: planted is '{}', expected amplitude or lag", word));
}

VoxelType parse_voxel_type(std::string_view word) {
  if (word == "alternating") return VoxelType::kAlternating;
  if (word == "int16") return VoxelType::kInt16;
  if (word == "float32") return VoxelType::kFloat32;
  throw UsageError(fmt::format("synth: dtype is '{}', expected alternating, int16 or float32", word));
}

}  // namespace brainmt::synth
