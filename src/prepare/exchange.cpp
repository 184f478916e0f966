#include "prepare/exchange.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/error.hpp"

namespace brainmt::prepare {
namespace {

constexpr std::size_t kLargestCount = std::numeric_limits<int>::max();

// Texts cannot hold a zero byte: they come from file names and from messages about them.
std::string packed(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out.append(text).push_back('\0');
  BRAINMT_CHECK(out.size() <= kLargestCount, "{} bytes of text are too many for one message", out.size());
  return out;
}

std::vector<std::string> unpacked(const std::string& block) {
  std::vector<std::string> texts;
  for (std::size_t at = 0; at < block.size();) {
    const std::size_t end = block.find('\0', at);
    texts.push_back(block.substr(at, end - at));
    at = end + 1;
  }
  return texts;
}

}  // namespace

Share::Share(MPI_Comm communicator) : comm(communicator) {
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &ranks);
}

void share_numbers(const Share& share, const Handled& mine, std::size_t width, std::vector<double>& rows) {
  BRAINMT_CHECK(rows.size() <= kLargestCount, "{} numbers are too many for one message", rows.size());
  // One owner and zeros: the sum is exact in any order. Adding 0 turns -0 into 0, which the sum does with several
  // ranks.
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = mine[i / width] ? rows[i] + 0.0 : 0.0;
  add_up(share, rows);
}

void add_up(const Share& share, std::span<double> numbers) {
  MPI_Allreduce(MPI_IN_PLACE, numbers.data(), static_cast<int>(numbers.size()), MPI_DOUBLE, MPI_SUM, share.comm);
}

void share_texts(const Share& share, const Handled& mine, std::vector<std::string>& texts) {
  std::vector<std::string> own;  // each with the number of its scan before it
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (mine[i]) own.insert(own.end(), {std::to_string(i), texts[i]});
  }
  const std::string block = packed(own);
  int bytes = static_cast<int>(block.size());
  std::vector<int> counts(static_cast<std::size_t>(share.ranks)), offsets(counts.size());
  MPI_Allgather(&bytes, 1, MPI_INT, counts.data(), 1, MPI_INT, share.comm);
  BRAINMT_CHECK(std::accumulate(counts.begin(), counts.end(), std::size_t{0}) <= kLargestCount, "too much text");
  std::exclusive_scan(counts.begin(), counts.end(), offsets.begin(), 0);
  std::string all(static_cast<std::size_t>(offsets.back() + counts.back()), '\0');
  MPI_Allgatherv(block.data(), bytes, MPI_CHAR, all.data(), counts.data(), offsets.data(), MPI_CHAR, share.comm);
  const std::vector<std::string> pairs = unpacked(all);
  for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) texts[std::stoull(pairs[i])] = pairs[i + 1];
}

void broadcast_texts(const Share& share, std::vector<std::string>& texts) {
  std::string block = packed(texts);
  int bytes = static_cast<int>(block.size());
  MPI_Bcast(&bytes, 1, MPI_INT, 0, share.comm);
  block.resize(static_cast<std::size_t>(bytes));
  MPI_Bcast(block.data(), bytes, MPI_CHAR, 0, share.comm);
  texts = unpacked(block);
}

void unite(const Share& share, std::vector<std::uint8_t>& flags) {
  BRAINMT_CHECK(flags.size() <= kLargestCount, "{} voxels are too many for one message", flags.size());
  MPI_Allreduce(MPI_IN_PLACE, flags.data(), static_cast<int>(flags.size()), MPI_UINT8_T, MPI_BOR, share.comm);
}

}  // namespace brainmt::prepare
