#pragma once
// Synthetic series of parcels with a planted difference of connectivity. Equations: docs/synthetic-cohort.md.
#include <array>
#include <string>
#include <vector>

#include "synth/cohort_files.hpp"
#include "synth/config.hpp"

namespace brainmt::synth {

struct PlantedEdges {
  std::vector<std::array<int, 2>> sex, cognition;  // pairs of parcels, a < b, all different
};
/// config.edges of each kind, drawn by the seed and spread evenly over the parcels.
PlantedEdges planted_edges(const SynthConfig& config);

/// Throws UsageError where the edges and their coupling take more variance than a parcel has.
void validate_parcels(const SynthConfig& config);

/// The series of a subject's run, [frame, parcel].
std::vector<double> draw_parcels(const SynthConfig& config, const PlantedEdges& edges, int subject, int run);

/// The table of a subject's run, relative to config.out, and the files beside it; names as xcp_d writes them.
std::string parcel_table_path(const SynthConfig& config, int subject, int run);
TextFile parcel_table(const SynthConfig& config, const PlantedEdges& edges, int subject, int run);
std::vector<TextFile> files_beside_parcels(const SynthConfig& config, int subject, int run);

/// Of the whole cohort: participants.tsv first, labels, edges.tsv (what was planted), dataset_description.json.
std::vector<TextFile> parcel_cohort_files(const SynthConfig& config);

}  // namespace brainmt::synth
