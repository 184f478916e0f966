#pragma once
// NIfTI scans -> one cohort store, by all ranks of a communicator.
//
//   1. rank 0 lists the scans; the phenotype table is read
//   2. headers are read, shared over the ranks; the majority's grid and affine become the cohort's
//   3. scans, in a work queue, the largest first: each is inflated once, normalised, and written with its mask to the
//      staging area `<output>.staging`
//   4. the report is written; too many bad scans end the command here
//   5. the cohort's mask is the union of the scans' masks; staged scans are copied into the store, which is renamed to
//      the output when complete; the staging area is removed
//
// Memory: a few frames per rank, independent of the scans' length. One rank handles a scan, so the store's data do not
// depend on the number of ranks. After a kill the next preparation of the same output reuses the staged scans; only a
// complete store ever has the output's name.
#include <mpi.h>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "parcels/atlas.hpp"
#include "prepare/phenotypes.hpp"
#include "prepare/processing.hpp"
#include "prepare/quality.hpp"
#include "prepare/scan_list.hpp"
#include "prepare/shards.hpp"
#include "prepare/summary.hpp"

namespace brainmt::prepare {

struct PrepareConfig {
  ListSettings list;                 // which files below list.input are scans
  std::filesystem::path output;      // cohort to write; its report takes the name with the extension .report.tsv
  std::filesystem::path phenotypes;  // table; empty: the layout's (default_table), if it has one
  PhenotypeSettings table_settings;  // how it is read
  Processing processing;
  int min_frames = 1;    // that a scan must have in the store
  double max_bad = 0.1;  // share of the scans that may be bad
  QualityPolicy quality = QualityPolicy::kWarn;
  std::filesystem::path scratch;                  // for temporary files of the size of a scan; empty: the staging area
  std::optional<parcels::AtlasSettings> atlas{};  // store the parcels of this instead of voxels
  double min_coverage = 0.5, max_missing = 0.2;   // of parcels (parcels/parcellate.hpp)
  std::filesystem::path labels{};                 // of tables of series: names of their parcels; empty: the tables' own
  Shard shard;             // the part of the scans to prepare; the output's name gets its numbers
  std::string provenance;  // stored in the cohort as it is

  /// The table to read; empty: none.
  std::filesystem::path table() const { return phenotypes.empty() ? default_table(list) : phenotypes; }

  /// Without provenance.
  static PrepareConfig from_config(const config::Config& config);
};

enum class Stage { kHeaders, kScans, kCopy };
/// Called after each scan of this rank in each stage: `done` of `total` scans, counted over all ranks in the last two
/// stages.
using Progress = std::function<void(Stage stage, std::size_t done, std::size_t total)>;

/// Collective. Throws on every rank the same DataError (nothing usable, too many bad scans, a table that cannot be
/// read), UsageError (options, another preparation of the same output is running) or OutputError; then there is no file
/// under the output's name but the one that was there before.
PrepareSummary prepare(const PrepareConfig& config, MPI_Comm comm, const Progress& progress = {});

}  // namespace brainmt::prepare
