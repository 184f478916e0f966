#pragma once
// NIfTI scans -> one cohort store, by all ranks of a communicator.
//
//   1. rank 0 lists the scans; the phenotype table is read
//   2. headers, shared over the ranks; the grid and affine that most scans have become the cohort's
//   3. scans, taken by whichever rank is free, the largest first: each is inflated once, and normalised it waits in the
//      staging area `<output>.staging` with a mask of its own
//   4. the report is written; too many bad scans end the command here
//   5. the cohort's mask is the union of the scans' masks: staged scans are copied into the store, which takes its name
//      when it is whole; then the staging area goes
//
// A rank holds a few frames at a time, whatever the scans' length. Each scan is handled by one rank alone, so the
// store's data do not depend on the number of ranks. Killed at any moment, the next preparation of the same output goes
// on with the scans that are staged; nothing ever stands under the output's name but a whole store.
#include <mpi.h>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

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
  std::filesystem::path scratch;  // for temporary files of the size of a scan; empty: the staging area
  Shard shard;                    // the part of the scans to prepare; the output's name gets its numbers
  std::string provenance;         // stored in the cohort as it is

  /// The table to read; empty: none.
  std::filesystem::path table() const { return phenotypes.empty() ? default_table(list) : phenotypes; }

  /// Without provenance.
  static PrepareConfig from_config(const config::Config& config);
};

enum class Stage { kHeaders, kScans, kCopy };
/// Called after each scan that this rank has handled in each stage: `done` of `total` are taken, in the last two stages
/// those of all ranks together.
using Progress = std::function<void(Stage stage, std::size_t done, std::size_t total)>;

/// Collective. Throws on every rank the same DataError (nothing usable, too many bad scans, a table that cannot be
/// read), UsageError (options, another preparation of the same output is running) or OutputError; then there is no file
/// under the output's name but the one that was there before.
PrepareSummary prepare(const PrepareConfig& config, MPI_Comm comm, const Progress& progress = {});

}  // namespace brainmt::prepare
