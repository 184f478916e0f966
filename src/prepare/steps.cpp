#include "prepare/steps.hpp"

#include <algorithm>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "comm/agreement.hpp"
#include "comm/gather.hpp"
#include "io/printable.hpp"
#include "prepare/oddities.hpp"
#include "prepare/report.hpp"

namespace brainmt::prepare {

void check_settings(const PrepareConfig& config, comm::Communicator& comm) {
  comm::run_agreed(comm, [&] {
    if (!(config.max_bad >= 0 && config.max_bad <= 1)) {
      throw UsageError(fmt::format("max_bad is {}, expected 0 to 1", config.max_bad));
    }
    std::error_code missing;
    const auto parent = config.output.has_parent_path() ? config.output.parent_path() : ".";
    if (comm.rank() == 0 && !std::filesystem::is_directory(parent, missing)) {
      throw OutputError(fmt::format("cannot write '{}': '{}' is no directory; create it first", config.output.string(),
                                    parent.string()));
    }
  });
}

bool is_complete_shard(const PrepareConfig& config, const Inventory& inventory, comm::Communicator& comm,
                       PrepareSummary& summary, std::string& mark) {
  if (config.shard.whole()) return false;
  std::vector<std::string> answer(1);
  comm::run_agreed(comm, [&] {
    if (comm.rank() == 0) answer[0] = shard_mark(config, inventory.own_scans());
  });
  comm::broadcast_texts(comm, answer);
  mark = answer[0];
  std::vector<double> complete(1, 0.0);
  comm::run_agreed(comm, [&] {
    if (comm.rank() == 0 && is_shard(summary.output, summary.report, mark)) complete[0] = 1;
  });
  comm::all_reduce(comm, std::span(complete), comm::ReduceOp::kSum);
  summary.already_complete = complete[0] > 0;
  return summary.already_complete;
}

void report_scans(const PrepareConfig& config, const Inventory& inventory, comm::Communicator& comm,
                  const PrepareSummary& summary) {
  comm::run_agreed(comm, [&] {
    if (comm.rank() == 0) {
      write_report(summary.report, inventory.scans);
      warn_of_oddities(inventory.scans);
    }
    const std::size_t judged = summary.used + summary.bad;
    const bool too_many = static_cast<double>(summary.bad) > config.max_bad * static_cast<double>(judged);
    const bool mostly_unlisted = 2 * summary.unlisted > summary.found();
    if (mostly_unlisted && comm.rank() == 0 && summary.used > 0)
      log::warn("{} of {} scans have no row in the table and are not used ({}): check phenotypes= and id_column=",
                summary.unlisted, summary.found(), inventory.unlisted());
    if (summary.used > 0 && !too_many) return;
    if (summary.unlisted == summary.found())
      throw DataError(fmt::format("none of the {} scans has a row in the table ({}): check id_column={} and '{}'",
                                  summary.unlisted, inventory.unlisted(), inventory.phenotypes->id_column(),
                                  summary.report.string()));
    const auto first =
        std::ranges::find_if(inventory.scans, [](const ScanEntry& scan) { return scan.is_scan() && !scan.usable(); });
    throw DataError(fmt::format(
        "{} of {} scans in '{}' are bad, {} have no phenotypes, max_bad={} is allowed; see '{}'; the first: {}: {}",
        summary.bad, summary.found(), config.list.input.string(), summary.unlisted, config.max_bad,
        summary.report.string(), io::printable(first->file), first->reason));
  });
}

}  // namespace brainmt::prepare
