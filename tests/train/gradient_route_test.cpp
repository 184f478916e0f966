// How a run's gradients travel: the memory of Kokkos computes what the host's does, and a build for the host uses the
// ranks' own communicator.
#include "train/gradient_route.hpp"

#include <gtest/gtest.h>

#include <Kokkos_Core.hpp>
#include <cstring>
#include <limits>

#include "base/error.hpp"
#include "comm/self_communicator.hpp"
#include "train/kokkos_gradient_memory.hpp"

namespace brainmt::train {
namespace {

std::vector<float> numbers(std::size_t count, float scale) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = scale * (static_cast<float>(i) - 100.3f) / 7.0f;
  values[0] = -0.0f;
  values[1] = std::numeric_limits<float>::infinity();
  values[2] = 1e-42f;  // below the smallest normal number
  return values;
}

// A block of the memory under test with these contents, and its contents.
template <class T>
class Block {
 public:
  Block(comm::GradientMemory& memory, const std::vector<T>& values)
      : memory_(memory.allocate(values.size() * sizeof(T))), count_(values.size()) {
    Kokkos::deep_copy(view(), host(const_cast<T*>(values.data())));
  }
  T* data() const { return static_cast<T*>(memory_.get()); }
  std::vector<T> values() const {
    std::vector<T> back(count_);
    Kokkos::fence();
    Kokkos::deep_copy(host(back.data()), view());
    return back;
  }

 private:
  using Bytes = Kokkos::View<unsigned char*, Kokkos::DefaultExecutionSpace::memory_space,
                             Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
  using HostBytes = Kokkos::View<unsigned char*, Kokkos::HostSpace, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
  Bytes view() const { return Bytes(static_cast<unsigned char*>(memory_.get()), count_ * sizeof(T)); }
  HostBytes host(T* data) const { return HostBytes(reinterpret_cast<unsigned char*>(data), count_ * sizeof(T)); }

  std::shared_ptr<void> memory_;
  std::size_t count_;
};

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

TEST(KokkosGradientMemory, ComputesWhatTheHostsMemoryDoes) {
  constexpr std::size_t kCount = 1027;
  KokkosGradientMemory memory;
  comm::GradientMemory& reference = comm::host_gradient_memory();
  std::vector<float> a = numbers(kCount, 1.0f), b = numbers(kCount, 0.37f);
  std::vector<bf16> narrow(kCount);
  const Block<float> x(memory, a), y(memory, b), z(memory, b);
  const Block<bf16> w(memory, narrow);

  memory.add(x.data(), y.data(), kCount, comm::DataType::kFloat);
  memory.copy(y.data(), z.data(), kCount, comm::DataType::kFloat);
  memory.convert(z.data(), comm::DataType::kFloat, w.data(), kCount);
  memory.convert(w.data(), comm::DataType::kBfloat16, x.data(), kCount);
  reference.add(a.data(), b.data(), kCount, comm::DataType::kFloat);
  reference.convert(b.data(), comm::DataType::kFloat, narrow.data(), kCount);
  reference.convert(narrow.data(), comm::DataType::kBfloat16, a.data(), kCount);

  EXPECT_TRUE(same_bits(y.values(), b));
  EXPECT_TRUE(same_bits(z.values(), b));
  EXPECT_TRUE(same_bits(w.values(), narrow));
  EXPECT_TRUE(same_bits(x.values(), a));
  EXPECT_FALSE(same_bits(a, b)) << "nothing was rounded";
}

TEST(GradientRoute, ABuildForTheHostUsesTheRanksOwnCommunicator) {
#if defined(KOKKOS_ENABLE_CUDA)
  GTEST_SKIP() << "this build is for a device";
#endif
  comm::SelfCommunicator control;
  GradientRoute route(control, {.wire_dtype = comm::WireDtype::kBfloat16});
  EXPECT_EQ(&route.transport().comm, &control);
  EXPECT_EQ(&route.transport().memory, &comm::host_gradient_memory());
  EXPECT_EQ(route.transport().wire_dtype, comm::WireDtype::kBfloat16);
  EXPECT_THROW(GradientRoute(control, {.backend = comm::DeviceBackend::kNccl}), UsageError);
  EXPECT_NO_THROW(GradientRoute(control, {.backend = comm::DeviceBackend::kMpi}));
}

}  // namespace
}  // namespace brainmt::train
