#pragma once
// The scans to prepare, their headers and motion, and their common space.
#include <optional>
#include <vector>

#include "comm/communicator.hpp"
#include "prepare/phenotypes.hpp"
#include "prepare/prepare.hpp"
#include "prepare/scan_list.hpp"
#include "prepare/space.hpp"

namespace brainmt::prepare {

struct Inventory {
  std::vector<ScanEntry> scans;
  std::vector<HeaderRow> headers;  // by scan
  std::vector<double> bytes;       // by scan: size of its file
  std::vector<std::uint8_t> own;   // by scan: 1 if it belongs to config.shard
  std::optional<Phenotypes> phenotypes;
  HeaderRow space;  // of the scans' files; there is none when no scan is usable

  bool any_usable() const;
  /// The scans of config.shard.
  std::vector<ScanEntry> own_scans() const;
  /// "scans: sub-0001, ...; table.csv: 1, 2, ...": the first ids that have no row, and the first that the table has.
  std::string unlisted() const;
};

/// Collective, likewise the next. The scans of the whole list, those of subjects without a row of the table marked.
Inventory list_inventory(const PrepareConfig& config, comm::Communicator& comm);

/// Reads headers and motion, chooses the space, and keeps only the scans of config.shard.
void complete_inventory(Inventory& inventory, const PrepareConfig& config, comm::Communicator& comm,
                        const Progress& progress);

/// Motion of each frame of a scan where censoring needs it, else nothing. Throws DataError.
std::vector<double> frame_motion(const PrepareConfig& config, const ScanEntry& scan);

/// `message` without the path before it: the report names the file in a column of its own.
std::string without_path(std::string message, const std::filesystem::path& path);

}  // namespace brainmt::prepare
