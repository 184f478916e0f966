#pragma once
// Connectivity as BIDS derivatives: text for people and other tools, made of a file of connectivity.
//   dataset_description.json
//   atlas-<label>_dseg.tsv                                   index, name, network, hemisphere, x y z
//   sub-<id>/func/sub-<id>[_<run>]_task-rest_space-<s>_atlas-<label>_stat-<what>_relmat.{tsv,json}
// A relmat has the column Node and one a parcel; r (not z) for correlations, values of the tangent space for `tangent`;
// missing edges are n/a. With rows of runs there is a file a run, else one a participant.
#include <filesystem>
#include <string>

#include "connectivity/fc_file.hpp"

namespace brainmt::connectivity {

struct BidsSummary {
  std::size_t matrices = 0;
};

/// True for a folder that this may write to: missing, empty, made by this before (dataset_description.json says so), or
/// with files connectivity.* alone (shards, an interrupted run), which are judged one by one.
bool is_own_folder(const std::filesystem::path& folder);
/// Did this write matrices there?
bool is_of_fc(const std::filesystem::path& folder);

/// Writes into `folder`, which exists. Each file appears whole; those of the same names are replaced. Throws OutputError.
BidsSummary write_bids(const FcFile& file, const std::filesystem::path& folder, const std::string& program,
                       const std::string& version);

/// "sub-01_ses-1_run-2_task-rest_space-MNI152NLin6Asym_atlas-Schaefer2018_stat-pearsoncorrelation_relmat" of a row.
std::string relmat_name(const FcFile& file, const FcRow& row);

}  // namespace brainmt::connectivity
