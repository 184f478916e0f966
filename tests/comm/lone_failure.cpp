// One rank fails alone, or waits for one that never comes: the whole job ends with the exit code of that failure.
//   throw       an error of rank 1 reaches main(), while rank 0 waits in a barrier
//   hang        rank 1 never comes, and its watchdog ends the job
//   nccl_hang   rank 0 never comes to a sum of NCCL: rank 1's communicator gives up after its limit
//   nccl_dead   NCCL hears that rank 0 is gone
//   nccl_stuck  a call of NCCL on rank 1 never comes back: nothing but the watchdog is left
#include <cstdio>
#include <future>
#include <string_view>

#include "base/error.hpp"
#include "comm/environment.hpp"
#include "comm/watchdog.hpp"
#include "device_backends.hpp"

namespace {

using namespace brainmt;
using std::chrono::milliseconds;

void wait_for_ever() { std::promise<void>().get_future().wait_for(std::chrono::hours(1)); }

// Rank 1 waits for a sum that rank 0 never starts.
void sum_alone(std::string_view how, const comm::Communicator& world, comm::Watchdog& watchdog) {
  comm::FakeMachine machine;
  const bool stuck = how == "nccl_stuck";
  const auto ranks = machine.connect({.timeout = stuck ? std::chrono::hours(1) : milliseconds(200)});
  if (world.rank() == 0) wait_for_ever();
  using Fault = comm::FakeNccl::Fault;
  machine.nccl.fault = stuck ? Fault::kCallBlocks : how == "nccl_dead" ? Fault::kRemoteError : Fault::kOperationHangs;
  const auto section = watchdog.section("step", stuck ? milliseconds(300) : milliseconds(20000), 7);
  float value = 1;
  ranks->all_reduce(&value, 1, comm::DataType::kFloat, comm::ReduceOp::kSum);
}

}  // namespace

int main(int argc, char** argv) {
  comm::Environment environment(&argc, &argv);
  const auto world = environment.world();
  comm::Watchdog watchdog(world->rank());
  const std::string_view how = argc > 1 ? argv[1] : "throw";
  try {
    if (how.substr(0, 4) == "nccl") sum_alone(how, *world, watchdog);
    if (world->rank() == 1) {
      if (how != "hang") throw DataError("rank 1: scan.nii.gz: a volume is missing");
      const auto section = watchdog.section("step", milliseconds(200), 7);
      wait_for_ever();
    }
    world->barrier();
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    comm::end_job(static_cast<int>(error.code()));
  }
  return 0;
}
