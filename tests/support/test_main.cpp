// One main for every test: MPI and Kokkos live for its whole run, a failure on any rank fails all of them, rank 0
// prints every test and the other ranks their failures, and a watchdog turns a deadlock into a message.
// --sources=a_test.cpp,b_test.cpp runs the tests of these files alone; a file without tests is an error.
#include <gtest/gtest.h>
#include <mpi.h>

#include <Kokkos_Core.hpp>
#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

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

// The full names of all tests of one source, each followed by ':' as in a filter.
std::string tests_of(std::string_view source) {
  std::string names;
  const auto& all = *testing::UnitTest::GetInstance();
  for (int s = 0; s < all.total_test_suite_count(); ++s) {
    const testing::TestSuite& suite = *all.GetTestSuite(s);
    for (int t = 0; t < suite.total_test_count(); ++t) {
      const testing::TestInfo& test = *suite.GetTestInfo(t);
      if (std::string_view(test.file()).ends_with("/" + std::string(source))) names += full_name(test) + ":";
    }
  }
  return names;
}

// Narrows the run to the sources of "--sources=..."; false, with a message, if one of them has no test.
bool choose_sources(std::string_view sources) {
  std::string filter;
  while (!sources.empty()) {
    const std::string_view source = sources.substr(0, sources.find(','));
    sources.remove_prefix(std::min(sources.size(), source.size() + 1));
    const std::string names = tests_of(source);
    if (names.empty()) {
      std::fprintf(stderr, "--sources: no test of this program is in %s\n", std::string(source).c_str());
      return false;
    }
    filter += names;
  }
  testing::GTEST_FLAG(filter) = filter;
  return true;
}

int run_tests(int& argc, char** argv, int rank) {
  const Kokkos::ScopeGuard kokkos(argc, argv);
  testing::InitGoogleTest(&argc, argv);
  constexpr std::string_view kSources = "--sources=";
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (!word.starts_with(kSources)) {
      std::fprintf(stderr, "unknown option %s, expected options of GoogleTest or --sources=\n", argv[i]);
      return 1;
    }
    if (!choose_sources(word.substr(kSources.size()))) return 1;
  }
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
