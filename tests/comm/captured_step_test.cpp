// Micro steps captured with their reductions, over NCCL on a fake device that captures as CUDA graphs do: what every
// launch computes, that reductions still run beside the backward pass, and how a launch ends that cannot.
#include <gtest/gtest.h>

#include "comm/gradient_reducer.hpp"
#include "device_backends.hpp"

namespace brainmt::comm {
namespace {

using Fault = FakeNccl::Fault;

constexpr std::size_t kSizes[] = {1, 3, 64, 7, 1, 130, 31, 5};
constexpr std::size_t kCount = 242, kBucketElements = 70, kBuckets = 4;

std::vector<ParameterRange> make_parameters() {
  std::vector<ParameterRange> parameters;
  for (const std::size_t size : kSizes)
    parameters.push_back({parameters.empty() ? 0 : parameters.back().offset + parameters.back().count, size});
  return parameters;
}

// One rank. What changes from micro step to micro step is one factor in device memory; the gradient of element i is
// that times (rank + 1) times i.
class CapturedRun {
 public:
  explicit CapturedRun(std::uint64_t seed, WireDtype wire_dtype = WireDtype::kAsStored,
                       const NcclCommunicator::Settings& settings = {})
      : machine_(seed),
        comm_(machine_.connect(settings)),
        parameters_(make_parameters()),
        flat_(static_cast<float*>(machine_.device.allocate(kCount * sizeof(float)))),
        factor_(static_cast<float*>(machine_.device.allocate(sizeof(float)))),
        reducer_({*comm_, machine_.memory, wire_dtype}, parameters_, flat_, kCount, kBucketElements * sizeof(float),
                 Determinism::kRank) {
    comm_->on_abort([this] { machine_.nccl.graphs = 0; });
  }
  ~CapturedRun() { comm_->on_abort(nullptr); }

  FakeDevice::Graph capture(bool reduces) {
    machine_.device.begin_capture(machine_.compute);
    reducer_.capture(reduces, [&] { backward(); });
    ++machine_.nccl.graphs;
    return machine_.device.end_capture();
  }

  // Without `graphs` (of a micro step that only adds, and of one that reduces) eagerly.
  std::vector<float> step(const std::vector<float>& factors, const std::array<FakeDevice::Graph, 2>* graphs) {
    const int micro_steps = static_cast<int>(factors.size());
    later([this] { std::fill_n(machine_.device.host(flat_), kCount, 0.0f); });
    reducer_.begin_step(micro_steps);
    for (int m = 0; m < micro_steps; ++m) {
      later([=, this] { *machine_.device.host(factor_) = factors[static_cast<std::size_t>(m)]; });
      reducer_.begin_micro_step();
      if (graphs != nullptr) {
        machine_.device.launch((*graphs)[m + 1 == micro_steps ? 1 : 0]);
        reducer_.launched();
      } else {
        backward();
      }
    }
    reducer_.finish();
    std::vector<float> sum(kCount);
    later([&] { std::copy_n(machine_.device.host(flat_), kCount, sum.data()); });
    machine_.device.run_all();
    return sum;
  }

  FakeMachine& machine() { return machine_; }
  Communicator& comm() { return *comm_; }
  GradientReducer<float>& reducer() { return reducer_; }

 private:
  void backward() {
    for (std::size_t p = parameters_.size(); p-- > 0;) {
      later([=, this] {
        const auto [offset, count] = parameters_[p];
        const float factor = *machine_.device.host(factor_) * static_cast<float>(comm_->rank() + 1);
        for (std::size_t i = offset; i < offset + count; ++i)
          machine_.device.host(flat_)[i] += factor * static_cast<float>(i);
      });
      reducer_.ready(p);
    }
  }
  void later(std::function<void()> work) {
    machine_.device.enqueue(machine_.compute, [work = std::move(work)] {
      work();
      return true;
    });
  }

  FakeMachine machine_;
  std::unique_ptr<Communicator> comm_;
  std::vector<ParameterRange> parameters_;
  float *flat_, *factor_;
  GradientReducer<float> reducer_;
};

TEST(CapturedStep, EveryLaunchReducesWhatItsStepComputed) {
  for (const std::uint64_t seed : {1, 2, 3, 4, 5, 6}) {
    for (const WireDtype wire_dtype : {WireDtype::kAsStored, WireDtype::kBfloat16}) {
      CapturedRun run(seed, wire_dtype), reference(seed + 100, wire_dtype);
      run.step({1, 2}, nullptr);
      const std::array graphs{run.capture(false), run.capture(true)};
      for (const std::vector<float>& factors : std::vector<std::vector<float>>{{3}, {1, 2}, {5, 7, 11}, {2}}) {
        const std::vector<float> expected = reference.step(factors, nullptr);
        EXPECT_EQ(run.step(factors, &graphs), expected) << "seed " << seed;
        EXPECT_EQ(run.step(factors, nullptr), expected) << "a step between two launches, seed " << seed;
      }
      run.machine().nccl.graphs = 0;
    }
  }
}

TEST(CapturedStep, ReductionsRunBesideTheRestOfTheBackwardPass) {
  CapturedRun run(1);
  const FakeDevice::Graph graph = run.capture(true);
  run.machine().nccl.graphs = 0;
  // Work of the compute stream that was captured behind the first reduction and does not wait for it.
  std::size_t first = graph.size(), joined = graph.size();
  for (std::size_t i = graph.size(); i-- > 0;) {
    if (graph[i].work && graph[i].stream != run.machine().compute) first = i;
    if (graph[i].awaited && graph[i].stream == run.machine().compute) joined = i;
  }
  const auto beside = std::count_if(
      graph.begin() + static_cast<std::ptrdiff_t>(first), graph.begin() + static_cast<std::ptrdiff_t>(joined),
      [&](const auto& node) { return node.work && node.stream == run.machine().compute; });
  EXPECT_EQ(beside, 6) << "all parameters but the two of the first bucket";
  EXPECT_EQ(run.machine().nccl.operations, static_cast<int>(kBuckets));
}

TEST(CapturedStep, ACaptureLeavesNoEventToQuery) {
  CapturedRun run(2);
  run.capture(true);
  run.machine().nccl.graphs = 0;
  EXPECT_NO_THROW(run.comm().settle()) << "an event of the capture was asked for";
  const std::vector<float> sum = run.step({1}, nullptr);
  EXPECT_EQ(sum[10], 10.0f * static_cast<float>(run.comm().size() * (run.comm().size() + 1) / 2));
}

TEST(CapturedStep, AFailedCaptureLeavesTheStepToRunEagerly) {
  CapturedRun run(3);
  FakeDevice& device = run.machine().device;
  device.begin_capture(run.machine().compute);
  EXPECT_THROW(run.reducer().capture(true,
                                     [&] {
                                       run.reducer().ready(7);
                                       run.reducer().ready(6);  // a bucket has started
                                       throw DataError("a library that cannot be captured");
                                     }),
               DataError);
  EXPECT_THROW(device.end_capture(), CommError) << "the communication stream was not joined";
  EXPECT_NO_THROW(run.comm().settle());
  EXPECT_EQ(run.step({2}, nullptr)[1], static_cast<float>(run.comm().size() * (run.comm().size() + 1)));
}

TEST(CapturedStep, ALaunchThatCannotEndIsAnErrorWithinTheLimit) {
  for (const Fault fault : {Fault::kOperationHangs, Fault::kRemoteError}) {
    CapturedRun run(4, WireDtype::kAsStored, {.timeout = std::chrono::seconds(1)});
    run.step({1}, nullptr);
    const std::array graphs{run.capture(false), run.capture(true)};
    run.step({1}, &graphs);
    run.machine().nccl.fault = fault;
    const auto begin = std::chrono::steady_clock::now();
    try {
      run.step({1}, &graphs);
      FAIL() << "the step went on";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kComm);
      const std::string what = error.what();
      EXPECT_NE(what.find("all_reduce of a captured step failed: "), std::string::npos) << what;
      EXPECT_NE(what.find(fault == Fault::kRemoteError ? "another rank ended" : "not finished after 1 s"),
                std::string::npos)
          << what;
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
    EXPECT_EQ(run.machine().nccl.aborts, 1);
    EXPECT_EQ(run.machine().nccl.graphs, 0) << "dropped before NCCL was aborted";
    run.machine().device.run_all();  // the compute stream continues: no deadlock
  }
}

TEST(CapturedStep, OnlyWhatCanBeCapturedSaysSo) {
  FakeMachine machine;
  const auto nccl = machine.connect(), staged = machine.stage();
  EXPECT_TRUE(nccl->can_capture());
  EXPECT_FALSE(staged->can_capture());
  EXPECT_FALSE(machine.host->can_capture());
  std::vector<float> flat(8);
  const std::vector<ParameterRange> parameters{{0, 8}};
  const auto can = [&](Communicator& comm, Determinism mode) {
    return GradientReducer<float>({comm, machine.memory}, parameters, flat.data(), 8, 1000, mode).can_capture();
  };
  EXPECT_TRUE(can(*nccl, Determinism::kRank));
  EXPECT_FALSE(can(*nccl, Determinism::kWorld));
  EXPECT_FALSE(can(*staged, Determinism::kRank));
}

}  // namespace
}  // namespace brainmt::comm
