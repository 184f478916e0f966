// Gathered values are equal on all ranks.
#include "comm/gather.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support.hpp"

namespace brainmt::comm {
namespace {

// Row i belongs to rank i % size, row kUnowned to none.
constexpr std::size_t kRows = 9, kWidth = 2, kUnowned = 4;

Owned owned_by(const Communicator& comm) {
  Owned owned(kRows, 0);
  for (std::size_t i = 0; i < kRows; ++i)
    owned[i] = i != kUnowned && static_cast<int>(i) % comm.size() == comm.rank() ? 1 : 0;
  return owned;
}

TEST(Gather, RowsOfNumbersComeFromTheirOwner) {
  const auto comm = mpi_world();
  const Owned owned = owned_by(*comm);
  std::vector<double> values(kRows * kWidth, 99.0);  // rows of others hold anything
  for (std::size_t i = 0; i < kRows; ++i) {
    if (owned[i] == 0) continue;
    values[i * kWidth] = static_cast<double>(i) / 3;
    values[i * kWidth + 1] = -0.0;
  }
  merge_rows(*comm, owned, kWidth, values);
  for (std::size_t i = 0; i < kRows; ++i) {
    EXPECT_EQ(values[i * kWidth], i == kUnowned ? 0.0 : static_cast<double>(i) / 3) << "row " << i;
    EXPECT_FALSE(std::signbit(values[i * kWidth + 1])) << "row " << i;
  }
}

TEST(Gather, RowsOfTextComeFromTheirOwner) {
  const auto comm = mpi_world();
  const Owned owned = owned_by(*comm);
  std::vector<std::string> texts(kRows, "kept");
  for (std::size_t i = 0; i < kRows; ++i)
    if (owned[i] != 0) texts[i] = i % 2 == 0 ? "" : fmt::format("text of {}", i);
  merge_rows(*comm, owned, texts);
  for (std::size_t i = 0; i < kRows; ++i)
    EXPECT_EQ(texts[i], i == kUnowned ? "kept" : i % 2 == 0 ? "" : fmt::format("text of {}", i));
}

TEST(Gather, TextsOfRankZeroReachAllRanks) {
  const auto comm = mpi_world();
  for (const std::vector<std::string>& sent : {std::vector<std::string>{}, {""}, {"a", "", "b c"}}) {
    std::vector<std::string> texts = comm->rank() == 0 ? sent : std::vector<std::string>{"something else", "more"};
    broadcast_texts(*comm, texts);
    EXPECT_EQ(texts, sent);
  }
}

TEST(Gather, SmallIntegersAreSummed) {
  const auto comm = mpi_world();
  std::vector<std::uint32_t> values{4000000000u, 1};
  if (comm->rank() != 0) values = {0, 1};
  all_reduce(*comm, std::span(values), ReduceOp::kSum);
  EXPECT_EQ(values, (std::vector<std::uint32_t>{4000000000u, static_cast<std::uint32_t>(comm->size())}));
}

}  // namespace
}  // namespace brainmt::comm
