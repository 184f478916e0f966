// Shards of an embedding file: their names, and one file of all of them.
#include <charconv>
#include <set>

#include "analysis/embed_metadata.hpp"
#include "base/error.hpp"
#include "comm/agreement.hpp"

namespace brainmt::analysis {
namespace {

namespace fs = std::filesystem;

// What must be the same in all shards: everything but the shard number and what follows from their participants.
nlohmann::ordered_json common_of(EmbeddingDescription description) {
  clear_shard(description);
  description.participants.clear();
  describe_participants(description);
  return description.metadata;
}

void check_shard(const EmbeddingFile& file, const Shard& expected, std::size_t rows_before) {
  const auto& metadata = file.description().metadata;
  const std::string wanted = fmt::format("{}/{}", expected.index, expected.count);
  const std::string found = metadata.value("shard", "none");
  const auto first = metadata.value("first_row", std::uint64_t{0});
  if (found != wanted || first != rows_before)
    throw DataError(
        fmt::format("'{}': expected shard {} from row {}, found shard {} from row {}: make the shards again",
                    file.path().string(), wanted, rows_before, found, first));
}

// The shards' description as one, and all rows in order.
EmbeddingDescription read_shards(const fs::path& out, std::size_t count, std::vector<EmbeddingRow>& rows) {
  EmbeddingDescription whole;
  std::set<std::string> ids;
  for (std::size_t k = 1; k <= count; ++k) {
    const Shard shard{k, count};
    const fs::path path = shard_path(out, shard);
    if (!fs::exists(path))
      throw DataError(fmt::format("'{}' is missing: run embed with shard={}/{} first", path.string(), k, count));
    const EmbeddingFile file(path);
    check_shard(file, shard, whole.participants.size());
    const EmbeddingDescription& part = file.description();
    if (k == 1) {
      whole = part;
    } else {
      if (common_of(part) != common_of(whole) || part.width != whole.width || part.token_frames != whole.token_frames)
        throw DataError(fmt::format("'{}' is of other weights, settings or cohort than shard 1: make the shards again",
                                    path.string()));
      whole.participants.insert(whole.participants.end(), part.participants.begin(), part.participants.end());
    }
    for (const EmbeddedParticipant& p : part.participants)
      if (!ids.insert(p.id).second)
        throw DataError(fmt::format("'{}': participant {} is in another shard too", path.string(), p.id));
    for (EmbeddingRow& row : file.rows()) rows.push_back(std::move(row));
  }
  clear_shard(whole);
  describe_participants(whole);
  return whole;
}

}  // namespace

Shard parse_shard(const std::string& text) {
  Shard shard;
  const char* end = text.data() + text.size();
  const auto index = std::from_chars(text.data(), end, shard.index);
  const bool slash = index.ec == std::errc{} && index.ptr != end && *index.ptr == '/';
  const auto count = slash ? std::from_chars(index.ptr + 1, end, shard.count) : index;
  if (!slash || count.ec != std::errc{} || count.ptr != end || shard.index < 1 || shard.index > shard.count)
    throw UsageError(fmt::format("shard={}: expected K/N with 1 <= K <= N, such as 2/8", text));
  return shard;
}

fs::path shard_path(const fs::path& out, const Shard& shard) {
  return out.string() + fmt::format(".shard-{}-of-{}", shard.index, shard.count);
}

EmbedSummary merge_shards(const fs::path& out, std::size_t count, comm::Communicator& comm, MPI_Comm mpi) {
  EmbeddingDescription whole;
  std::vector<EmbeddingRow> rows;
  comm::run_agreed(comm, [&] { whole = read_shards(out, count, rows); });
  EmbeddingWriter writer(mpi, out, whole);
  std::exception_ptr failure;
  try {
    for (std::size_t i = 0; comm.rank() == 0 && i < rows.size(); ++i) writer.write(i, rows[i]);
  } catch (...) {
    failure = std::current_exception();
  }
  writer.commit(failure);
  EmbedSummary summary{.participants = whole.participants.size()};
  for (const EmbeddedParticipant& p : whole.participants) summary.windows += p.windows;
  return summary;
}

}  // namespace brainmt::analysis
