// The NCCL communicator when things go wrong, and in which order it asks for what; on a fake NCCL and a fake device.
// What it computes is in communicator_test.cpp and gradient_link_test.cpp.
#include "comm/nccl_communicator.hpp"

#include <gtest/gtest.h>

#include <optional>

#include "comm/device_communicator.hpp"
#include "device_backends.hpp"

namespace brainmt::comm {
namespace {

using Fault = FakeNccl::Fault;
using std::chrono::milliseconds;

constexpr NcclCommunicator::Settings kShort{.timeout = milliseconds(50)};

// What `work` throws, which has to be a communication failure, exit code 5.
template <class Work>
std::string failure_of(Work&& work) {
  try {
    work();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kComm);
    EXPECT_EQ(static_cast<int>(error.code()), 5);
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(NcclCommunicator, EveryRankStartsWithTheIdOfRankZero) {
  FakeMachine machine;
  const auto comm = machine.connect();
  NcclApi::Id expected{};
  machine.nccl.unique_id(expected);
  EXPECT_EQ(machine.nccl.given, expected);
  EXPECT_EQ(machine.nccl.inits, 1);
}

TEST(NcclCommunicator, StreamsAreOrderedBothWaysAndTheHostWaitsForNothing) {
  FakeMachine machine;
  const auto comm = machine.connect();
  std::vector<float> values(8, 1.0f);
  machine.device.calls.clear();
  Request request = comm->all_reduce_async(values.data(), values.size(), DataType::kFloat, ReduceOp::kSum);
  request.wait();
  const std::vector<std::string> expected{"record on compute", "side 1 waits", "operation on side 1",
                                          "record on side 1", "compute waits"};
  EXPECT_EQ(machine.device.calls, expected);
  EXPECT_EQ(values[0], 1.0f) << "the operation ran without a host-side wait";
  comm->settle();
  EXPECT_EQ(values[0], static_cast<float>(comm->size()));
}

TEST(NcclCommunicator, LongBuffersGoAsGroups) {
  FakeMachine machine;
  const auto comm = machine.connect({.max_count = 1});
  std::vector<float> values(2500, 1.0f);
  comm->all_reduce(values.data(), values.size(), DataType::kFloat, ReduceOp::kSum);
  EXPECT_EQ(machine.nccl.operations, 2500);
  EXPECT_EQ(machine.nccl.groups, 3);  // of at most 1024 calls
  EXPECT_EQ(values, std::vector<float>(2500, static_cast<float>(comm->size())));
}

TEST(NcclCommunicator, APeerThatDoesNotComeEndsInAnAbortWithinTheLimit) {
  for (const Fault fault : {Fault::kOperationHangs, Fault::kEnqueueHangs}) {
    FakeMachine machine;
    const auto comm = machine.connect(kShort);
    machine.nccl.fault = fault;
    float value = 1;
    const auto begin = std::chrono::steady_clock::now();
    const std::string what = failure_of([&] { comm->all_reduce(&value, 1, DataType::kFloat, ReduceOp::kSum); });
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
    EXPECT_TRUE(contains(what, fmt::format("rank {}: all_reduce failed: not finished after 0.05 s", comm->rank())));
    EXPECT_TRUE(contains(what, "look for a rank that ended")) << what;
    EXPECT_EQ(machine.nccl.aborts, 1);
    // Everything else says the same, at once.
    EXPECT_EQ(failure_of([&] { comm->broadcast(&value, 1, DataType::kFloat, 0); }), what);
    EXPECT_EQ(failure_of([&] { comm->settle(); }), what);
  }
}

TEST(NcclCommunicator, ADeadPeerIsNoticedWhereverTheHostLooks) {
  for (const bool by_test : {false, true}) {
    FakeMachine machine;
    const auto comm = machine.connect();  // no limit: the error itself has to be seen
    machine.nccl.fault = Fault::kRemoteError;
    float value = 1;
    const std::string what = failure_of([&] {
      Request request = comm->all_reduce_async(&value, 1, DataType::kFloat, ReduceOp::kSum);
      while (by_test && !request.test()) {
      }
      request.wait();
      comm->settle();
    });
    EXPECT_TRUE(contains(what, fmt::format("rank {}: all_reduce failed: status 6; another rank ended", comm->rank())))
        << what;
    EXPECT_EQ(machine.nccl.aborts, 1);
  }
}

TEST(NcclCommunicator, AnAbortLetsTheComputeStreamGoOn) {
  FakeMachine machine;
  const auto comm = machine.connect(kShort);
  machine.nccl.fault = Fault::kOperationHangs;
  float value = 1;
  comm->all_reduce_async(&value, 1, DataType::kFloat, ReduceOp::kSum).wait();
  bool reached = false;
  machine.device.enqueue(machine.compute, [&] { return reached = true; });
  machine.device.run_all();
  EXPECT_FALSE(reached);
  failure_of([&] { comm->settle(); });
  machine.device.run_all();
  EXPECT_TRUE(reached) << "a host that waits for the compute stream would hang";
}

TEST(NcclCommunicator, ACallThatFailsSaysWhatToLookAt) {
  FakeMachine machine;
  const auto comm = machine.connect();
  machine.nccl.fault = Fault::kCallFails;
  float value = 1;
  const std::string what = failure_of([&] { comm->broadcast(&value, 1, DataType::kFloat, 0); });
  EXPECT_TRUE(contains(what, "broadcast failed: status 2; look at the network (NCCL_DEBUG=INFO")) << what;
  EXPECT_EQ(machine.nccl.aborts, 1);
}

TEST(NcclCommunicator, AStartThatFailsOnOneRankFailsOnAll) {
  for (const Fault fault : {Fault::kInitFails, Fault::kInitHangs}) {
    FakeMachine machine;
    const int last = machine.host->size() - 1;
    if (machine.host->rank() == last) machine.nccl.fault = fault;
    const std::string what = failure_of([&] { machine.connect(kShort); });
    EXPECT_TRUE(contains(what, fmt::format("rank {}: starting NCCL failed", last))) << what;
    EXPECT_EQ(contains(what, "two ranks on one device?"), fault == Fault::kInitFails) << what;
    const bool began = machine.host->rank() != last || fault == Fault::kInitHangs;
    EXPECT_EQ(machine.nccl.aborts, began ? 1 : 0);
    EXPECT_EQ(machine.nccl.destroys, 0);
  }
}

TEST(NcclCommunicator, AGoodEndFinalizesAndABadOneAborts) {
  FakeMachine good;
  good.connect()->barrier();
  EXPECT_EQ(good.nccl.finalizes, 1);
  EXPECT_EQ(good.nccl.destroys, 1);
  EXPECT_EQ(good.nccl.aborts, 0);

  FakeMachine bad;
  try {
    const auto comm = bad.connect();
    throw DataError("scan.nii.gz: a volume is missing");
  } catch (const DataError&) {
  }
  EXPECT_EQ(bad.nccl.finalizes, 0);
  EXPECT_EQ(bad.nccl.aborts, 1);

  FakeMachine hanging;  // an operation is still out there when the communicator goes
  {
    const auto comm = hanging.connect(kShort);
    hanging.nccl.fault = Fault::kOperationHangs;
    float value = 1;
    comm->all_reduce_async(&value, 1, DataType::kFloat, ReduceOp::kSum).wait();
  }
  EXPECT_EQ(hanging.nccl.aborts, 1);
  EXPECT_EQ(hanging.nccl.destroys, 0);
}

TEST(StagedCommunicator, CollectivesCrossInTheOrderInWhichTheyWereStarted) {
  for (const std::uint64_t seed : {1, 2, 3, 4, 5, 6, 7, 8}) {
    const Backend backend = staged_backend(seed);
    std::vector<std::vector<double>> buffers;
    std::vector<Request> requests;
    for (std::size_t k = 1; k <= 12; ++k) buffers.emplace_back(k, static_cast<double>(k));
    for (auto& buffer : buffers)
      requests.push_back(backend->all_reduce_async(buffer.data(), buffer.size(), DataType::kDouble, ReduceOp::kSum));
    // Each rank asks for them in another order; sizes that met the wrong partner would be an MPI error.
    for (const std::size_t k : shuffled(buffers.size(), seed + 10 * static_cast<std::uint64_t>(backend->rank()))) {
      while (!requests[k].test()) {
      }
      for (const double value : buffers[k]) EXPECT_EQ(value, static_cast<double>((k + 1) * backend->size()));
    }
  }
}

TEST(DeviceCommunicator, TakesWhatTheBuildHas) {
  using std::chrono::seconds;
  FakeMachine machine;
  const auto kind_of = [&](NcclApi* nccl, DeviceBackend backend) {
    const auto comm =
        make_device_communicator(*machine.host, {machine.device, nccl, machine.compute}, backend, seconds(1));
    if (dynamic_cast<NcclCommunicator*>(comm.get()) != nullptr) return "nccl";
    return dynamic_cast<StagedCommunicator*>(comm.get()) != nullptr ? "staged" : "self";
  };
  const bool alone = machine.host->size() == 1;
  EXPECT_STREQ(kind_of(&machine.nccl, DeviceBackend::kAuto), alone ? "self" : "nccl");
  EXPECT_STREQ(kind_of(&machine.nccl, DeviceBackend::kNccl), alone ? "self" : "nccl");
  EXPECT_STREQ(kind_of(&machine.nccl, DeviceBackend::kMpi), alone ? "self" : "staged");
  EXPECT_STREQ(kind_of(nullptr, DeviceBackend::kAuto), alone ? "self" : "staged");
  if (!alone) {
    EXPECT_THROW(kind_of(nullptr, DeviceBackend::kNccl), UsageError);
  }
}

}  // namespace
}  // namespace brainmt::comm
