// All ranks leave an agreement in the same way: all go on, or all throw the error of the lowest failed rank.
#include "comm/agreement.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "support.hpp"

namespace brainmt::comm {
namespace {

TEST(Agreement, NobodyFailed) {
  const auto comm = mpi_world();
  EXPECT_NO_THROW(agree_on_error(*comm, nullptr));
  EXPECT_NO_THROW(run_agreed(*comm, [] {}));
}

TEST(Agreement, EveryRankThrowsTheErrorOfTheOneThatFailed) {
  const auto comm = mpi_world();
  for (int failing = 0; failing < comm->size(); ++failing) {
    const std::string reason = fmt::format("file {}: truncated", failing);
    try {
      run_agreed(*comm, [&] {
        if (comm->rank() == failing) throw DataError(reason);
      });
      FAIL() << "went on although rank " << failing << " failed";
    } catch (const DataError& error) {  // the type too
      EXPECT_EQ(error.what(), comm->size() == 1 ? reason : fmt::format("rank {}: {}", failing, reason));
    }
  }
}

TEST(Agreement, TheLowestFailedRankSpeaks) {
  const auto comm = mpi_world();
  const int first = comm->size() / 2;
  std::exception_ptr mine;
  if (comm->rank() >= first)
    mine = std::make_exception_ptr(OutputError(fmt::format("disk of rank {} is full", comm->rank())));
  try {
    agree_on_error(*comm, mine);
    FAIL() << "went on";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kOutput);
    EXPECT_NE(std::string(error.what()).find(fmt::format("disk of rank {} is full", first)), std::string::npos);
  }
}

TEST(Agreement, AForeignExceptionIsAnInternalError) {
  const auto comm = mpi_world();
  try {
    run_agreed(*comm, [&] {
      if (comm->rank() == 0) throw std::out_of_range("index 7");
    });
    FAIL() << "went on";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kInternal);
    EXPECT_NE(std::string(error.what()).find("index 7"), std::string::npos);
  }
}

}  // namespace
}  // namespace brainmt::comm
