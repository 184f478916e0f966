// Against io::GridScatter, bit for bit: every float16, masks of all kinds, every storage type.
#include "kernels/grid_scatter.hpp"

#include <cstring>

#include "io/grid_scatter.hpp"
#include "kernel_test_support.hpp"

namespace brainmt::kernels {
namespace {

using Packed = std::vector<std::uint16_t>;
using Voxels = std::vector<std::uint32_t>;

template <class T>
Kokkos::View<T*, Exec::memory_space> on_device(const std::vector<T>& values) {
  Kokkos::View<T*, Exec::memory_space> copy("test copy", values.size());
  Kokkos::deep_copy(copy, Kokkos::View<const T*, Kokkos::HostSpace, Kokkos::MemoryTraits<Kokkos::Unmanaged>>(
                              values.data(), values.size()));
  return copy;
}

template <class T>
void expect_as_on_host(std::size_t grid_voxels, const Voxels& voxels, const Packed& packed, std::size_t frames,
                       std::uint16_t fill) {
  std::vector<float> dense(frames * grid_voxels);
  io::GridScatter(voxels, grid_voxels)(packed, fill, dense);
  std::vector<T> want;
  for (const float value : dense) want.push_back(static_cast<T>(value));

  std::vector<std::uint32_t> map(grid_voxels, kOutsideMask);
  for (std::size_t v = 0; v < voxels.size(); ++v) map[voxels[v]] = static_cast<std::uint32_t>(v);
  const auto device_map = on_device(map);
  const auto device_packed = on_device(packed);
  const Buffer<T> out(frames * grid_voxels);  // NaN: shows voxels that are left out
  grid_scatter<T>(Exec(), View2<T>(out.data(), frames, grid_voxels),
                  View2<const std::uint16_t>(device_packed.data(), frames, voxels.size()),
                  View1<const std::uint32_t>(device_map.data(), grid_voxels), fill);
  const auto got = Kokkos::create_mirror_view_and_copy(
      Kokkos::HostSpace(),
      Kokkos::View<T*, Exec::memory_space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>(out.data(), out.count()));
  for (std::size_t i = 0; i < want.size(); ++i)
    ASSERT_EQ(std::memcmp(&got(i), &want[i], sizeof(T)), 0)
        << "frame " << i / grid_voxels << ", voxel " << i % grid_voxels << ": " << static_cast<double>(got(i))
        << " for " << static_cast<double>(want[i]);
}

Packed random_bits(std::size_t count, std::uint32_t seed) {
  Philox random(seed, 0);
  Packed bits(count);
  for (std::uint16_t& b : bits) b = static_cast<std::uint16_t>(random.next_u32());
  return bits;
}

template <class T>
class GridScatter : public testing::Test {};
using StorageTypes = testing::Types<float, bf16, double>;
TYPED_TEST_SUITE(GridScatter, StorageTypes);

TYPED_TEST(GridScatter, DecodesEveryFloat16) {
  constexpr std::size_t kAll = 65536;
  Voxels voxels(kAll);
  Packed packed(kAll);
  for (std::uint32_t i = 0; i < kAll; ++i) {
    voxels[i] = i;
    packed[i] = static_cast<std::uint16_t>(i);
  }
  expect_as_on_host<TypeParam>(kAll, voxels, packed, 1, 0);
}

// Infinity, a signalling NaN, the smallest subnormal below zero, and a number, where there is no voxel.
TYPED_TEST(GridScatter, FillsOutsideOfTheMask) {
  for (const std::uint16_t fill : {0x7c00, 0x7d01, 0x8001, 0xc200})
    expect_as_on_host<TypeParam>(37, {0, 5, 6, 7, 36}, random_bits(std::size_t{5} * 3, 1), 3, fill);
}

TYPED_TEST(GridScatter, AnyMaskAndAnyNumberOfFrames) {
  const auto every = [](std::uint32_t step, std::uint32_t first, std::uint32_t grid_voxels) {
    Voxels voxels;
    for (std::uint32_t v = first; v < grid_voxels; v += step) voxels.push_back(v);
    return voxels;
  };
  constexpr std::uint32_t kGridVoxels = 4 * 5 * 91;
  for (const Voxels& voxels : {every(1, 0, kGridVoxels), every(2, 1, kGridVoxels), every(3, 0, kGridVoxels),
                               every(1, kGridVoxels - 1, kGridVoxels), every(1, 700, 1100)})
    for (const std::size_t frames : {1, 7, 8, 9, 17})
      expect_as_on_host<TypeParam>(kGridVoxels, voxels, random_bits(frames * voxels.size(), 2), frames, 0xbc00);
}

}  // namespace
}  // namespace brainmt::kernels
