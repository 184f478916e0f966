#pragma once
// Preparation in independent jobs: each makes every N-th scan of the list into a cohort file of its own, and one index
// over the files is the cohort.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "comm/communicator.hpp"

namespace brainmt::prepare {

struct PrepareConfig;
struct ScanEntry;

/// Part `number` (from 1) of `of` parts; of = 0: everything.
struct Shard {
  std::int64_t number = 0, of = 0;

  bool whole() const { return of == 0; }
};
/// From "K/N"; empty: everything. Throws UsageError.
Shard parse_shard(std::string_view text);

/// `<output without extension>.shard-KKK-of-NNN<extension>`; `output` itself for the whole.
std::filesystem::path shard_path(const std::filesystem::path& output, const Shard& shard);

/// The scans that decide on the common space, the same in every job: all, or some hundreds evenly spread over the list.
std::vector<std::uint8_t> decides_space(std::size_t scans);

/// 1 for each scan of the list that belongs to the shard: every N-th of the usable ones, and of the others likewise.
std::vector<std::uint8_t> scans_of_shard(const Shard& shard, const std::vector<ScanEntry>& scans);

/// What the provenance of a shard says behind config.provenance: its numbers, and a hash over what decides its content
/// (the files of `own`, options, table). Throws io::UnreadableError.
std::string shard_mark(const PrepareConfig& config, const std::vector<ScanEntry>& own);

/// Is there a whole cohort at `output` that was made with this mark, and its report?
bool is_shard(const std::filesystem::path& output, const std::filesystem::path& report, const std::string& mark);

struct MergeSummary {
  std::size_t shards = 0, scans = 0;
  std::filesystem::path report;
};
/// Collective: makes `output` an index over its `of` shards and joins their reports. Throws on every rank UsageError
/// (shards that are missing, by number), DataError (shards that do not fit together) or OutputError.
MergeSummary merge_shards(const std::filesystem::path& output, std::int64_t of, comm::Communicator& comm);

}  // namespace brainmt::prepare
