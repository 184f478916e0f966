// One main for every test: MPI and Kokkos live for its whole run, a failure on any rank fails all of them, rank 0
// prints every test and the other ranks their failures, and a watchdog turns a deadlock into a message.
#include <gtest/gtest.h>
#include <mpi.h>

#include <Kokkos_Core.hpp>
#include <cstdio>
#include <optional>
#include <string>

#include "comm/environment.hpp"
#include "comm/watchdog.hpp"

namespace {

constexpr std::chrono::seconds kTestLimit{110};  // below CTest's own limit, which would not name the test

std::string full_name(const testing::TestInfo& info) { return std::string(info.test_suite_name()) + "." + info.name(); }

// Watches each test as one section.
class TestWatch : public testing::EmptyTestEventListener {
 public:
  explicit TestWatch(int rank) : watchdog_(rank) {}
  void OnTestStart(const testing::TestInfo& info) override {
    section_.emplace(watchdog_.section(full_name(info), kTestLimit));
  }
  void OnTestEnd(const testing::TestInfo&) override { section_.reset(); }

 private:
  brainmt::comm::Watchdog watchdog_;
  std::optional<brainmt::comm::Watchdog::Section> section_;
};

// The printer of ranks other than 0: failures only, each line with its rank.
class FailurePrinter : public testing::EmptyTestEventListener {
 public:
  explicit FailurePrinter(int rank) : rank_(rank) {}
  void OnTestStart(const testing::TestInfo& info) override { name_ = full_name(info); }
  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (!result.failed()) return;
    const char* file = result.file_name();
    std::fprintf(stderr, "rank %d: %s failed at %s:%d: %s\n", rank_, name_.c_str(), file != nullptr ? file : "?",
                 result.line_number(), result.message());
  }

 private:
  int rank_;
  std::string name_;
};

int run_tests(int& argc, char** argv, int rank) {
  const Kokkos::ScopeGuard kokkos(argc, argv);
  testing::InitGoogleTest(&argc, argv);
  auto& listeners = testing::UnitTest::GetInstance()->listeners();
  if (rank != 0) {
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new FailurePrinter(rank));  // GoogleTest owns its listeners
  }
  TestWatch watch(rank);
  listeners.Append(&watch);
  const int failed = RUN_ALL_TESTS();
  listeners.Release(&watch);
  return failed;
}

}  // namespace

int main(int argc, char** argv) {
  const brainmt::comm::Environment environment(&argc, &argv);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  const int failed = run_tests(argc, argv, rank);
  int any_failed = 0;
  MPI_Allreduce(&failed, &any_failed, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  return any_failed;
}
