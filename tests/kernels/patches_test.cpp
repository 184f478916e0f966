// Volumes cut into cubes: kernels against the oracle, exactly; the oracle's gradient by differences, and as a
// convolution.
#include "kernels/patches.hpp"

#include "kernel_test_support.hpp"
#include "kernels/ref/conv3d.hpp"
#include "kernels/ref/gemm.hpp"
#include "kernels/ref/patches.hpp"

namespace brainmt::kernels {
namespace {

const std::vector<ref::PatchShape> kShapes = {{1, {1, 1, 1}, 1},   {2, {4, 2, 6}, 2},     {3, {5, 3, 7}, 2},
                                              {2, {7, 4, 1}, 3},   {1, {16, 17, 33}, 16}, {2, {3, 20, 15}, 16},
                                              {2, {5, 31, 32}, 16}};

std::size_t patch_elements(const ref::PatchShape& s) { return s.batch * s.patches() * s.taps(); }

TEST(PatchOracle, GradientMatchesCentralDifferences) {
  const ref::PatchShape s{2, {5, 3, 4}, 2};
  Values voxels = random_values(s.batch * s.voxels(), 1), patches(patch_elements(s)), dvoxels(voxels.size());
  const Values dpatches = random_values(patches.size(), 2);
  ref::patch_scatter(dvoxels.data(), dpatches.data(), s);
  const auto loss = [&] {
    ref::patch_gather(patches.data(), voxels.data(), s);
    return dot(patches, dpatches);
  };
  expect_gradient(loss, voxels, dvoxels, "dvoxels");
}

// Cubes times a kernel are the convolution of that kernel with its size as stride, beyond the border zeros.
TEST(PatchOracle, WithAProductIsAConvolution) {
  constexpr std::size_t kWidth = 3;
  for (const ref::PatchShape& s : kShapes) {
    const Values voxels = random_values(s.batch * s.voxels(), 1), w = random_values(kWidth * s.taps(), 2);
    Values patches(patch_elements(s)), found(s.batch * s.patches() * kWidth), expected(found.size());
    ref::patch_gather(patches.data(), voxels.data(), s);
    ref::gemm(false, true, s.batch * s.patches(), kWidth, s.taps(), 1.0, patches.data(), s.taps(), w.data(), s.taps(),
              0.0, found.data(), kWidth);
    Conv3dShape conv{
        {}, {}, static_cast<std::int64_t>(s.batch), 1, kWidth, static_cast<int>(s.edge), static_cast<int>(s.edge), 0};
    for (std::size_t axis = 0; axis < 3; ++axis) {
      conv.in[axis] = static_cast<std::int64_t>(s.extent[axis]);
      conv.out[axis] = static_cast<std::int64_t>(s.along(axis));
    }
    ref::conv3d_fwd<double>(expected.data(), voxels.data(), w.data(), nullptr, conv);
    // Sums of K^3 products of normal draws, in the same order but for zeros.
    expect_close(found, expected, 100 * static_cast<double>(s.taps()) * roundoff<double>(), 0, "product");
  }
}

template <class T>
class Patches : public testing::Test {};
using StorageTypes = testing::Types<float, bf16, double>;
TYPED_TEST_SUITE(Patches, StorageTypes);

TYPED_TEST(Patches, GatherAndScatterMatchTheOracleExactly) {
  using T = TypeParam;
  for (const ref::PatchShape& s : kShapes) {
    const Buffer<T> voxels(random_values(s.batch * s.voxels(), 1));
    Buffer<T> patches(patch_elements(s)), back(voxels.count());
    const auto volumes = [&](const Buffer<T>& b) {
      return View4<T>(b.data(), s.batch, s.extent[0], s.extent[1], s.extent[2]);
    };
    Values expected(patches.count());
    ref::patch_gather(expected.data(), voxels.values().data(), s);
    patch_gather<T>(Exec(), patches.matrix(s.taps()), volumes(voxels), s.edge);
    EXPECT_EQ(patches.values(), expected);

    const Buffer<T> dpatches(random_values(patches.count(), 2));
    Values want(back.count());
    ref::patch_scatter(want.data(), dpatches.values().data(), s);
    patch_scatter<T>(Exec(), volumes(back), dpatches.in_matrix(s.taps()), s.edge);
    EXPECT_EQ(back.values(), want);
  }
}

}  // namespace
}  // namespace brainmt::kernels
