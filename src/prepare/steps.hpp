#pragma once
// Steps that preparing scans of voxels and tables of parcels have in common.
#include <string>

#include "comm/communicator.hpp"
#include "comm/work_queue.hpp"
#include "prepare/inventory.hpp"
#include "prepare/prepare.hpp"

namespace brainmt::prepare {

/// Collective. Refuses early what would otherwise fail after all scans were read. Throws UsageError, OutputError.
void check_settings(const PrepareConfig& config, comm::Communicator& comm);

/// Collective. Is the shard of config.shard there, made of the same files with the same options? `mark`: what its
/// provenance says; empty where everything is prepared at once.
bool is_complete_shard(const PrepareConfig& config, const Inventory& inventory, comm::Communicator& comm,
                       PrepareSummary& summary, std::string& mark);

/// Collective. Writes the report, warns, and throws DataError where too many scans are bad or none is left; `summary`
/// has counted them.
void report_scans(const PrepareConfig& config, const Inventory& inventory, comm::Communicator& comm,
                  const PrepareSummary& summary);

/// Runs step(task) for tasks fetched one by one from the queue. A failure stops all ranks.
template <class Step>
void for_queue(comm::WorkQueue& queue, Stage stage, std::size_t tasks, const Progress& progress, Step&& step) {
  try {
    while (const auto task = queue.next()) {
      step(*task);
      if (progress) progress(stage, *task + 1, tasks);
    }
  } catch (...) {
    queue.stop();
    throw;
  }
}

}  // namespace brainmt::prepare
