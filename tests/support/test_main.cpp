// One main for every test: MPI and Kokkos live for its whole run, a failure on any rank fails all of them, only rank 0
// prints passing tests, and a watchdog turns a deadlock into a message.
#include <gtest/gtest.h>
#include <mpi.h>

#include <Kokkos_Core.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace {

constexpr std::chrono::seconds kTestLimit{110};

// Ends the job when one test runs longer than kTestLimit; CTest's TIMEOUT would end it too, but without naming the test.
class Watchdog : public testing::EmptyTestEventListener {
 public:
  void OnTestStart(const testing::TestInfo& info) override {
    name_ = std::string(info.test_suite_name()) + "." + info.name();
    const int mine = ++generation_;
    std::thread([this, mine, name = name_] {
      std::this_thread::sleep_for(kTestLimit);
      if (generation_ == mine) {
        std::fprintf(stderr, "watchdog: %s still runs after %lld s\n", name.c_str(), static_cast<long long>(kTestLimit.count()));
        MPI_Abort(MPI_COMM_WORLD, 5);
      }
    }).detach();
  }
  void OnTestEnd(const testing::TestInfo&) override { ++generation_; }

 private:
  std::atomic<int> generation_{0};
  std::string name_;
};

}  // namespace

int main(int argc, char** argv) {
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
  int rank = 0, failed = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  {
    Kokkos::ScopeGuard kokkos(argc, argv);
    testing::InitGoogleTest(&argc, argv);
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    if (rank != 0) delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new Watchdog);
    failed = RUN_ALL_TESTS();
  }
  int any_failed = 0;
  MPI_Allreduce(&failed, &any_failed, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  if (failed && rank != 0) std::fprintf(stderr, "rank %d: tests failed\n", rank);
  MPI_Finalize();
  return any_failed;
}
