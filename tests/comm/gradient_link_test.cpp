// Gradients that lie in device memory and travel over NCCL or through the host, on a fake device whose memory the host
// cannot touch and whose streams take every order that events allow. The same sums, and in mode kWorld the same bits,
// as plain arithmetic; and bfloat16 on the wire.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "comm/gradient_reducer.hpp"
#include "comm/self_communicator.hpp"
#include "device_backends.hpp"

namespace brainmt::comm {
namespace {

constexpr std::size_t kSizes[] = {1, 3, 64, 7, 1, 130, 31, 5};
constexpr std::size_t kCount = 242;
constexpr std::size_t kBucketsOf70 = 4;  // elements: 5 + 31, 130, 1 + 7, 64 + 3 + 1

std::vector<ParameterRange> make_parameters() {
  std::vector<ParameterRange> parameters;
  std::size_t offset = 0;
  for (const std::size_t size : kSizes) {
    parameters.push_back({offset, size});
    offset += size;
  }
  return parameters;
}

// One rank's gradients on the fake device, and a backward pass that is work of the compute stream.
class DeviceRun {
 public:
  DeviceRun(FakeMachine& machine, Communicator& comm, std::size_t bucket_elements, Determinism mode,
            WireDtype wire_dtype = WireDtype::kAsStored)
      : machine_(machine),
        mode_(mode),
        parameters_(make_parameters()),
        flat_(static_cast<float*>(machine.device.allocate(kCount * sizeof(float)))),
        reducer_({comm, machine.memory, wire_dtype}, parameters_, flat_, kCount, bucket_elements * sizeof(float),
                 mode) {}

  // gradient(shard, i) is added to element i.
  template <class Gradient>
  std::vector<float> step(int micro_steps, Gradient gradient) {
    zero();
    reducer_.begin_step(micro_steps);
    for (int m = 0; m < micro_steps; ++m) {
      if (m > 0 && mode_ == Determinism::kWorld) zero();
      reducer_.begin_micro_step();
      const int shard = machine_.host->rank() * micro_steps + m;
      for (const std::size_t p : shuffled(parameters_.size(), 97 * static_cast<std::size_t>(shard) + 5)) {
        later([=, this] {
          const auto [offset, count] = parameters_[p];
          for (std::size_t i = offset; i < offset + count; ++i) machine_.device.host(flat_)[i] += gradient(shard, i);
        });
        reducer_.ready(p);
      }
    }
    EXPECT_GE(reducer_.finish(), 0.0);
    std::vector<float> sum(kCount);  // what the stream finds there next
    later([&] { std::copy_n(machine_.device.host(flat_), kCount, sum.data()); });
    machine_.device.run_all();
    return sum;
  }

 private:
  template <class Work>
  void later(Work work) {
    machine_.device.enqueue(machine_.compute, [work = std::move(work)] {
      work();
      return true;
    });
  }
  void zero() {
    later([this] { std::fill_n(machine_.device.host(flat_), kCount, 0.0f); });
  }

  FakeMachine& machine_;
  Determinism mode_;
  std::vector<ParameterRange> parameters_;
  float* flat_;
  GradientReducer<float> reducer_;
};

std::vector<Backend> device_backends(std::uint64_t seed) {
  std::vector<Backend> all;
  all.push_back(nccl_backend(std::size_t{1} << 30, seed));
  all.push_back(staged_backend(seed));
  return all;
}

TEST(GradientTransport, SumsOfDeviceMemoryAreExact) {
  const auto gradient = [](int shard, std::size_t i) {
    return static_cast<float>((shard + 1) * static_cast<int>(i % 11) - 3 * shard);
  };
  for (const std::uint64_t seed : {1, 2, 3, 4, 5}) {
    for (const Backend& backend : device_backends(seed)) {
      for (const Determinism mode : {Determinism::kRank, Determinism::kWorld}) {
        for (const std::size_t bucket_elements : {std::size_t{1}, std::size_t{70}, kCount}) {
          DeviceRun run(*backend.machine, *backend, bucket_elements, mode);
          for (const int micro_steps : {1, 4, 2}) {
            const auto sum = run.step(micro_steps, gradient);
            for (std::size_t i = 0; i < kCount; ++i) {
              float expected = 0;
              for (int s = 0; s < backend->size() * micro_steps; ++s) expected += gradient(s, i);
              ASSERT_EQ(sum[i], expected) << "element " << i << ", " << micro_steps << " micro steps, seed " << seed;
            }
          }
        }
      }
    }
  }
}

// Adds up shards [first, first + shards) of element i: all of the largest power of two below, and the rest.
float tree_sum(const std::vector<std::vector<float>>& gradients, int first, int shards, std::size_t i) {
  if (shards == 1) return gradients[static_cast<std::size_t>(first)][i];
  const int left = static_cast<int>(std::bit_ceil(static_cast<unsigned>(shards)) / 2);
  return tree_sum(gradients, first, left, i) + tree_sum(gradients, first + left, shards - left, i);
}

TEST(GradientTransport, WorldModeGivesTheSameBitsOnDevices) {
  constexpr int kShards = 24;
  std::vector<std::vector<float>> gradients(kShards, std::vector<float>(kCount));
  Philox random(99, 7);
  for (auto& shard : gradients)
    for (float& value : shard) value = static_cast<float>(random.normal() * std::pow(10.0, random.uniform(-8.0, 8.0)));
  for (const int shards : {8, kShards}) {
    std::vector<float> expected(kCount);
    for (std::size_t i = 0; i < kCount; ++i) expected[i] = tree_sum(gradients, 0, shards, i);
    for (const Backend& backend : device_backends(11)) {
      for (const std::size_t bucket_elements : {std::size_t{1}, std::size_t{70}, kCount}) {
        DeviceRun run(*backend.machine, *backend, bucket_elements, Determinism::kWorld);
        const auto sum = run.step(shards / backend->size(), [&](int shard, std::size_t i) {
          return gradients[static_cast<std::size_t>(shard)][i];
        });
        EXPECT_EQ(std::memcmp(sum.data(), expected.data(), sum.size() * sizeof(float)), 0) << shards << " shards";
      }
    }
  }
}

TEST(GradientTransport, ArithmeticGoesThroughTheMemory) {
  for (const Backend& backend : device_backends(21)) {
    FakeDeviceMemory& memory = backend.machine->memory;
    DeviceRun run(*backend.machine, *backend, 70, Determinism::kWorld);
    const bool alone = backend->size() == 1;
    EXPECT_EQ(memory.allocations, alone ? 0u : 1u);  // what partners send
    run.step(4, [](int, std::size_t) { return 1.0f; });
    EXPECT_EQ(memory.allocations, alone ? 2u : 3u);  // sums of one and of two micro steps
    // Micro steps 0 and 2 are kept, 1 is added to 0 and their sum kept, 3 is added to 2 and to that sum.
    const std::size_t levels = backend->size() == 4 ? 2 : backend->size() == 2 ? 1 : 0;
    EXPECT_EQ(memory.additions, kBucketsOf70 * (3 + levels));
    EXPECT_EQ(memory.copies, kBucketsOf70 * 3);
    run.step(4, [](int, std::size_t) { return 1.0f; });
    EXPECT_EQ(memory.allocations, alone ? 2u : 3u);
  }
}

TEST(GradientTransport, AStepAfterTheFirstMakesNoEventsAndNoPinnedMemory) {
  for (const Backend& backend : device_backends(31)) {
    DeviceRun run(*backend.machine, *backend, 70, Determinism::kRank);
    const auto gradient = [](int, std::size_t) { return 1.0f; };
    // How many transfers are in flight depends on the order: after some steps every depth has been seen.
    for (int i = 0; i < 20; ++i) run.step(1, gradient);
    backend->settle();
    const std::size_t events = backend.machine->device.events_made, blocks = backend.machine->device.pinned_blocks;
    for (int i = 0; i < 20; ++i) run.step(1, gradient);
    EXPECT_LE(backend.machine->device.events_made, events + 2);
    EXPECT_LE(backend.machine->device.pinned_blocks, blocks + 1);
    EXPECT_LE(blocks, kBucketsOf70);
  }
}

// Each addition and the first rounding move a sum by half a unit in the last of bfloat16's 8 digits at most.
TEST(GradientTransport, Bfloat16OnTheWireRoundsOncePerAddition) {
  const auto gradient = [](int shard, std::size_t i) {
    return 1.0f + 0.37f * static_cast<float>(i % 17) / static_cast<float>(shard + 1);
  };
  for (const Backend& backend : device_backends(41)) {
    DeviceRun run(*backend.machine, *backend, 70, Determinism::kRank, WireDtype::kBfloat16);
    const auto sum = run.step(2, gradient);
    const int ranks = backend->size();
    bool rounded = false;
    for (std::size_t i = 0; i < kCount; ++i) {
      float exact = 0;
      for (int s = 0; s < 2 * ranks; ++s) exact += gradient(s, i);
      const float bound = ranks == 1 ? 0 : exact * static_cast<float>(ranks) * std::ldexp(1.0f, -8);
      ASSERT_NEAR(sum[i], exact, bound + exact * 1e-6f);
      rounded = rounded || std::abs(sum[i] - exact) > exact * 1e-5f;
    }
    EXPECT_EQ(rounded, ranks > 1) << "bfloat16 was not used between ranks, or was within one";
    EXPECT_EQ(backend.machine->memory.conversions, ranks > 1 ? 2 * kBucketsOf70 : 0u);
    auto same = backend->all_gather_bytes(std::as_bytes(std::span(sum)));
    for (const auto& other : same) EXPECT_EQ(other, same.front()) << "ranks disagree";
  }
}

TEST(GradientTransport, Bfloat16OnTheWireOfTheHost) {
  const auto comm = mpi_world();
  const std::vector<ParameterRange> parameters{{0, 40}, {40, 60}};
  std::vector<float> flat(100);
  GradientReducer<float> reducer({*comm, host_gradient_memory(), WireDtype::kBfloat16}, parameters, flat.data(), 100,
                                 1000, Determinism::kRank);
  for (std::size_t i = 0; i < flat.size(); ++i) flat[i] = static_cast<float>(i) + static_cast<float>(comm->rank());
  reducer.begin_step(1);
  reducer.begin_micro_step();
  reducer.ready(0);
  reducer.ready(1);
  reducer.finish();
  const int ranks = comm->size();
  for (std::size_t i = 0; i < flat.size(); ++i) {
    const float exact = static_cast<float>(ranks) * static_cast<float>(i) + static_cast<float>(ranks * (ranks - 1) / 2);
    EXPECT_NEAR(flat[i], exact, exact * static_cast<float>(ranks - 1) * std::ldexp(1.0f, -8));
  }
}

TEST(GradientTransport, WorldModeRefusesBfloat16) {
  SelfCommunicator comm;
  const ParameterRange parameters[] = {{0, 4}};
  float flat[4] = {};
  EXPECT_THROW(GradientReducer<float>({comm, host_gradient_memory(), WireDtype::kBfloat16}, parameters, flat, 4, 64,
                                      Determinism::kWorld),
               UsageError);
}

}  // namespace
}  // namespace brainmt::comm
