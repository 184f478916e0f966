#include "profile/recorder.hpp"

#include <gtest/gtest.h>

#include <Kokkos_Core.hpp>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include "base/error.hpp"
#include "memory/pool.hpp"

namespace brainmt::profile {
namespace {

constexpr double kPause = 0.01;  // seconds: far above what an empty kernel takes

void pause() { std::this_thread::sleep_for(std::chrono::duration<double>(kPause)); }

void kernel(const char* label) { Kokkos::parallel_for(label, Kokkos::RangePolicy<>(0, 1), KOKKOS_LAMBDA(int){}); }

void reduction(const char* label) {
  double sum = 0;
  Kokkos::parallel_reduce(
      label, Kokkos::RangePolicy<>(0, 4), KOKKOS_LAMBDA(int i, double& s) { s += i; }, sum);
}

// As Kokkos announces a kernel that then throws: its end never comes.
void kernel_that_throws(const char* label) {
  std::uint64_t id = 0;
  Kokkos::Profiling::beginParallelFor(label, 0, &id);
  throw std::runtime_error("out of luck");
}

TEST(Recorder, GivesAKernelToItsStage) {
  const Recorder recorder;
  kernel("brainmt::rms_norm::fwd");
  kernel("brainmt::selective_scan::fwd");
  kernel("brainmt::selective_scan::bwd");
  kernel("unlabelled");
  reduction("brainmt::reduce::sum");
  const Profile profile = recorder.totals();
  EXPECT_EQ(profile.of(Stage::kElementwise).pieces, 2);
  EXPECT_EQ(profile.of(Stage::kScan).pieces, 2);
  EXPECT_EQ(profile.of(Stage::kRest).pieces, 1);
  EXPECT_EQ(profile.of(Stage::kConvolution).pieces, 0);
}

TEST(Recorder, TheOutermostStageWins) {
  const Recorder recorder;
  {
    const Region attention("brainmt::attention::fwd");
    const Region matmul("brainmt::matmul");
    kernel("brainmt::layer_norm::fwd");
    pause();
  }
  kernel("brainmt::layer_norm::fwd");
  const Profile profile = recorder.totals();
  EXPECT_EQ(profile.of(Stage::kAttention).pieces, 1);
  EXPECT_EQ(profile.of(Stage::kMatmul).pieces, 0);
  EXPECT_EQ(profile.of(Stage::kElementwise).pieces, 1);
  EXPECT_GE(profile.of(Stage::kAttention).seconds, kPause);
  EXPECT_LT(profile.of(Stage::kElementwise).seconds, kPause);
}

TEST(Recorder, ANameWithoutAStageTakesNothing) {
  const Recorder recorder;
  {
    const Region forward("brainmt::forward");
    pause();
    const Region convolution("brainmt::conv3d::fwd");
    kernel("brainmt::conv3d_stem::fwd");
  }
  const Profile profile = recorder.totals();
  EXPECT_EQ(profile.of(Stage::kConvolution).pieces, 1);
  EXPECT_EQ(profile.of(Stage::kRest).pieces, 0);
  EXPECT_LE(profile.covered() + kPause, profile.seconds);
}

TEST(Recorder, CountsByLabelOrByTheRegionAround) {
  const Recorder recorder;
  count("brainmt::layer_norm::fwd", {.flops = 1, .bytes = 10});
  count("unlabelled", {.flops = 2, .bytes = 20});
  {
    const Region optimiser("brainmt::optimizer::step");
    count("brainmt::layer_norm::fwd", {.flops = 4, .bytes = 40});
  }
  const Profile profile = recorder.totals();
  EXPECT_EQ(profile.of(Stage::kElementwise).work.flops, 1);
  EXPECT_EQ(profile.of(Stage::kElementwise).work.bytes, 10);
  EXPECT_EQ(profile.of(Stage::kRest).work.bytes, 20);
  EXPECT_EQ(profile.of(Stage::kOptimiser).work.flops, 4);
}

TEST(Recorder, ARegionThatSaysItsWorkIsCountedOnce) {
  const Recorder recorder;
  {
    const Region attention("brainmt::attention::fwd", {.flops = 100, .bytes = 10});
    const Region matmul("brainmt::matmul", {.flops = 50, .bytes = 5});
    count("brainmt::softmax::fwd", {.flops = 7, .bytes = 7});
  }
  { const Region matmul("brainmt::matmul", {.flops = 50, .bytes = 5}); }
  const Profile profile = recorder.totals();
  EXPECT_EQ(profile.of(Stage::kAttention).work.flops, 100);
  EXPECT_EQ(profile.of(Stage::kAttention).work.bytes, 10);
  EXPECT_EQ(profile.of(Stage::kMatmul).work.flops, 50);
}

TEST(Recorder, SurvivesExceptions) {
  const Recorder recorder;
  try {
    const Region matmul("brainmt::matmul", {.flops = 1});
    kernel_that_throws("brainmt::layer_norm::fwd");
  } catch (const std::runtime_error&) {
  }
  EXPECT_THROW(kernel_that_throws("brainmt::selective_scan::fwd"), std::runtime_error);
  kernel("brainmt::conv3d_stem::fwd");  // not inside the scan, which is over
  count("brainmt::layer_norm::fwd", {.flops = 2});
  const Profile profile = recorder.totals();
  EXPECT_EQ(profile.of(Stage::kMatmul).pieces, 1);
  EXPECT_EQ(profile.of(Stage::kMatmul).work.flops, 1);
  EXPECT_EQ(profile.of(Stage::kScan).pieces, 1);
  EXPECT_EQ(profile.of(Stage::kConvolution).pieces, 1);
  EXPECT_EQ(profile.of(Stage::kElementwise).work.flops, 2);
}

TEST(Recorder, CountsCopiesAndFills) {
  constexpr std::size_t kBytes = 4096;
  const Kokkos::View<char*> from("from", kBytes), to("to", kBytes);
  const Recorder recorder;
  Kokkos::deep_copy(to, from);
  EXPECT_EQ(recorder.totals().of(Stage::kElementwise).work.bytes, 2.0 * kBytes);
  Kokkos::deep_copy(to, 'a');
  EXPECT_EQ(recorder.totals().of(Stage::kElementwise).work.bytes, 3.0 * kBytes);
  EXPECT_EQ(recorder.totals().of(Stage::kElementwise).pieces, 2);
}

TEST(Recorder, TakesThePeakOfEachStage) {
  constexpr std::size_t kMiB = 1u << 20;
  const std::size_t held = pool::statistics().live_bytes;
  const Recorder recorder;
  const auto kept = pool::allocate(kMiB);
  {
    const Region scan("brainmt::selective_scan::fwd");
    const auto scratch = pool::allocate(8 * kMiB);
  }
  {
    const Region matmul("brainmt::matmul");
    const auto scratch = pool::allocate(2 * kMiB);
  }
  { const auto between = pool::allocate(16 * kMiB); }
  { const Region convolution("brainmt::conv3d::fwd"); }
  const Profile profile = recorder.totals();
  EXPECT_EQ(profile.of(Stage::kScan).peak_bytes, held + 9 * kMiB);
  EXPECT_EQ(profile.of(Stage::kMatmul).peak_bytes, held + 3 * kMiB);
  EXPECT_EQ(profile.of(Stage::kConvolution).peak_bytes, held + kMiB);
  EXPECT_EQ(profile.peak_bytes, held + 17 * kMiB);
}

TEST(Recorder, SeesItsOwnThreadOnly) {
  const Recorder recorder;
  std::thread([] {
    const Region scan("brainmt::selective_scan::fwd", {.flops = 1});
    count("brainmt::layer_norm::fwd", {.flops = 1});
  }).join();
  const Profile profile = recorder.totals();
  EXPECT_EQ(profile.of(Stage::kScan).pieces, 0);
  EXPECT_EQ(profile.of(Stage::kScan).work.flops + profile.of(Stage::kElementwise).work.flops, 0);
}

TEST(Recorder, IsAlone) {
  std::optional<Recorder> recorder(std::in_place);
  EXPECT_THROW(Recorder(), InternalError);
  kernel("brainmt::selective_scan::fwd");
  EXPECT_EQ(recorder->totals().of(Stage::kScan).pieces, 1);
  recorder.reset();
  EXPECT_EQ(Recorder().totals().of(Stage::kScan).pieces, 0);
}

TEST(Recorder, AnEndWithoutABeginningIsNothing) {
  std::optional<Region> around(std::in_place, "brainmt::matmul");
  const Recorder recorder;
  around.reset();
  Kokkos::Profiling::popRegion();
  EXPECT_EQ(recorder.totals().covered(), 0);
}

int regions_seen = 0;

TEST(Recorder, GivesTheHooksBack) {
  namespace hooks = Kokkos::Tools::Experimental;
  regions_seen = 0;
  hooks::set_push_region_callback([](const char*) { ++regions_seen; });
  { const Region seen("brainmt::matmul"); }
  {
    const Recorder recorder;
    const Region not_seen("brainmt::matmul");
  }
  { const Region seen("brainmt::matmul"); }
  hooks::set_push_region_callback(nullptr);
  { const Region not_seen("brainmt::matmul"); }
  EXPECT_EQ(regions_seen, 2);
  EXPECT_FALSE(Kokkos::Profiling::profileLibraryLoaded());
}

}  // namespace
}  // namespace brainmt::profile
