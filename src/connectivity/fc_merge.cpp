// Shards of a file of connectivity, put together.
#include <functional>
#include <set>

#include "base/error.hpp"
#include "comm/agreement.hpp"
#include "connectivity/fc_metadata.hpp"

namespace brainmt::connectivity {
namespace {

namespace fs = std::filesystem;

// What must be the same in all shards: everything but the shard's number and what follows from its rows.
std::string common_of(FcDescription description) {
  clear_shard(description);
  description.participants.clear();
  description.runs.clear();
  for (const char* key : {"participants", "runs", "mean_fd_known", "mean_fd_mean"}) description.metadata.erase(key);
  return fc_format::hash_of(description);
}

void check_shard(const FcFile& file, const FcShard& expected, std::size_t rows_before) {
  const std::string wanted = fmt::format("{}/{}", expected.index, expected.count);
  const std::string found = file.metadata().value("shard", "none");
  const auto first = file.metadata().value("first_row", std::uint64_t{0});
  if (found != wanted || first != rows_before)
    throw DataError(
        fmt::format("'{}': expected shard {} from row {}, found shard {} from row {}: make the shards again",
                    file.path().string(), wanted, rows_before, found, first));
}

FcDescription whole_of(const std::vector<FcFile>& files) {
  FcDescription whole = files.front().description();
  std::set<std::string> ids;
  for (std::size_t k = 0; k < files.size(); ++k) {
    const FcDescription& part = files[k].description();
    check_shard(files[k], {k + 1, files.size()}, k == 0 ? 0 : whole.participants.size());
    if (k > 0) {
      if (common_of(part) != common_of(whole))
        throw DataError(fmt::format("'{}' is of another cohort or other settings than shard 1: make the shards again",
                                    files[k].path().string()));
      whole.participants.insert(whole.participants.end(), part.participants.begin(), part.participants.end());
      whole.runs.insert(whole.runs.end(), part.runs.begin(), part.runs.end());
    }
    for (const FcRow& row : part.participants) {
      if (!ids.insert(row.id).second)
        throw DataError(fmt::format("'{}': participant {} is in another shard too", files[k].path().string(), row.id));
    }
  }
  clear_shard(whole);
  describe_rows(whole);
  return whole;
}

}  // namespace

FcSummary merge_fc(const fs::path& target, const std::vector<fs::path>& shards, bool overwrite,
                   comm::Communicator& comm, MPI_Comm mpi) {
  std::vector<FcFile> files;
  FcDescription whole;
  comm::run_agreed(comm, [&] {
    for (std::size_t k = 0; k < shards.size(); ++k) {
      if (!fs::exists(shards[k]))
        throw DataError(
            fmt::format("'{}' is missing: run fc with shard={}/{} first", shards[k].string(), k + 1, shards.size()));
      files.emplace_back(shards[k]);
    }
    whole = whole_of(files);
    if (comm.rank() == 0 && !overwrite) refuse_other(target, whole);
  });
  FcWriter writer(mpi, target, whole);
  std::exception_ptr failure;
  try {
    std::vector<float> row(whole.edges());
    std::size_t participant = 0, run = 0;
    for (std::size_t k = 0; comm.rank() == 0 && k < files.size(); ++k) {
      for (std::size_t i = 0; i < files[k].participants().size(); ++i) {
        files[k].read_rows(i, 1, row);
        writer.write(participant++, row);
      }
      for (std::size_t i = 0; i < files[k].runs().size(); ++i) {
        files[k].read_runs(i, 1, row);
        writer.write_run(run++, row);
      }
    }
  } catch (...) {
    failure = std::current_exception();
  }
  writer.commit(failure);
  FcSummary summary{.participants = whole.participants.size()};
  for (const FcRow& row : whole.participants) summary.runs += row.runs;
  return summary;
}

}  // namespace brainmt::connectivity
