// Whether cuDNN has engines for every operation of the model on an H100 that is not here, under the rules that the
// program sets. Loads no kernel and needs no GPU; engines that are compiled at run time want the driver's library, for
// which the toolkit's stub stands in where there is no driver.
#include "cuda/dry_plan.hpp"

#include <dlfcn.h>
#include <gtest/gtest.h>

namespace brainmt::cuda {
namespace {

// The published properties of an H100 SXM5 in the words of cuDNN's device description.
DescribedDevice h100() {
  return {R"({"deviceVer": 900, "driverVer": 13000, "cudaDeviceId": 0, "totalGlobalMem": 85017624576,
    "maxGridSize": [2147483647, 65535, 65535], "maxBlockSize": [1024, 1024, 64], "regsPerBlock": 65536,
    "multiProcessorCount": 132, "warpSize": 32, "maxSharedMemoryPerBlock": 49152,
    "maxSharedMemoryPerBlockOptin": 232448, "reservedSharedMemoryPerBlock": 1024, "maxRegistersPerSM": 65536,
    "maxCtasPerSM": 32, "maxThreadsPerBlock": 1024, "maxThreadsPerSM": 2048, "pciDeviceId": 0, "isTccDriver": 0,
    "supportCoopLaunch": 1, "smClockRateKHz": 1980000, "memClockRateKHz": 2619000, "l2CacheSize": 52428800,
    "deviceName": "NVIDIA H100 80GB HBM3"})",
          90};
}

constexpr std::int64_t kGiB = std::int64_t{1} << 30;

// cuDNN looks for the library by its name, and finds it when it is loaded already.
class DryPlan : public ::testing::Test {
 protected:
  void SetUp() override {
    if (dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL) == nullptr &&
        dlopen(BRAINMT_CUDA_STUB, RTLD_NOW | RTLD_GLOBAL) == nullptr)
      GTEST_SKIP()
          << "missing hardware, a GPU with its driver (libcuda.so.1); the toolkit's stub of it is missing too: "
          << dlerror();
  }
};

struct Layer {
  const char* name;
  std::array<std::int64_t, 3> in;
  std::int64_t in_channels, out_channels;
  int stride;
};

// The convolution stage on the published grid (performance floors are counted for it).
constexpr Layer kLayers[] = {{"stem 1", {91, 109, 91}, 1, 64, 2},    {"stem 2", {46, 55, 46}, 64, 128, 2},
                             {"block 0", {23, 28, 23}, 128, 128, 1}, {"down 0", {23, 28, 23}, 128, 256, 2},
                             {"block 1", {12, 14, 12}, 256, 256, 1}, {"down 1", {12, 14, 12}, 256, 512, 2},
                             {"smallest", {3, 2, 1}, 8, 16, 2}};

Conv3dShape shape_of(const Layer& l) {
  Conv3dShape s{l.in, {}, 10, l.in_channels, l.out_channels, 3, l.stride, 1};
  for (std::size_t axis = 0; axis < 3; ++axis) s.out[axis] = (s.in[axis] + 2 - 3) / l.stride + 1;
  return s;
}

TEST_F(DryPlan, ConvolutionsHaveEngines) {
  for (const DType type : {DType::kBf16, DType::kF32})
    for (const bool deterministic : {true, false})
      for (const Layer& layer : kLayers)
        for (const Conv3dOperation& operation :
             {Conv3dOperation{ConvPass::kForward, type}, Conv3dOperation{ConvPass::kForward, type, true, true},
              Conv3dOperation{ConvPass::kBackwardData, type}, Conv3dOperation{ConvPass::kBackwardWeights, type}}) {
          Context context;
          context.deterministic = deterministic;
          const Support support = dry_conv3d(h100(), context, shape_of(layer), operation, 2 * kGiB);
          EXPECT_TRUE(support.supported) << layer.name << ": " << support.reason;
        }
}

// Heads of 256 channels as published; L = 50,401 is 200 frames.
AttentionShape published(std::int64_t queries, std::int64_t keys) { return {1, 2, queries, keys, 256}; }
constexpr AttentionStrides kPacked{512, 1024, 1024, 512};

TEST_F(DryPlan, AttentionHasEngines) {
  for (const bool backward : {false, true})
    for (const bool deterministic : {true, false})
      for (const AttentionShape& shape : {published(50401, 50401), published(25201, 25201), published(721, 721),
                                          published(1, 50401), published(1, 721)}) {
        Context context;
        context.deterministic = deterministic;
        const Support support = dry_attention(h100(), context, shape, kPacked, backward, 8 * kGiB);
        EXPECT_TRUE(support.supported) << support.reason;
      }
}

// The price of determinism on Hopper: queries x keys x 2 bytes for all that is computed at once; 9.4 GiB for the two
// heads of 200 frames, 341 GiB for those of 1,200. Blocks of queries bring it down to what the context allows.
TEST_F(DryPlan, DeterministicAttentionKeepsWhatItMay) {
  Context context;
  const auto fits = [&](const AttentionShape& shape, double gib) {
    return dry_attention(h100(), context, shape, kPacked, true, static_cast<std::int64_t>(gib * kGiB)).supported;
  };
  EXPECT_TRUE(fits(published(50401, 50401), 1.25));
  EXPECT_FALSE(fits(published(50401, 50401), 0.9));
  EXPECT_TRUE(fits(published(302401, 302401), 5));
  EXPECT_FALSE(fits(published(302401, 302401), 4));
  context.attention.max_bytes = 5 * kGiB;
  EXPECT_TRUE(fits(published(50401, 50401), 5));
  EXPECT_FALSE(fits(published(50401, 50401), 4));
  context.deterministic = false;
  EXPECT_TRUE(fits(published(50401, 50401), 1));
}

// What must be refused is refused, so that "supported" means something.
TEST_F(DryPlan, RefusesWhatHopperCannotDo) {
  const Context context;
  const Support wide = dry_attention(h100(), context, {1, 2, 721, 721, 512}, {1024, 1024, 1024, 1024}, true, 8 * kGiB);
  EXPECT_FALSE(wide.supported);
  EXPECT_NE(wide.reason.find("attention backward 1x2 heads of 512"), std::string::npos) << wide.reason;
  const Support odd = dry_attention(h100(), context, {1, 2, 721, 721, 20}, {40, 40, 40, 40}, false, 8 * kGiB);
  EXPECT_FALSE(odd.supported);
  EXPECT_EQ(odd.reason.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace brainmt::cuda
