// Frames on their way into the store: which are used, resampling of known series, cropping, statistics and the scan's
// own mask, and memory that does not grow with the scan.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "base/error.hpp"
#include "base/philox.hpp"
#include "io/float16.hpp"
#include "prepare/collector.hpp"
#include "prepare/frame_plan.hpp"
#include "prepare/frame_stream.hpp"
#include "prepare/resampler.hpp"
#include "prepare/stage_scan.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::prepare {
namespace {

using test::expect_error;
using test::TemporaryDirectory;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(FramePlan, CensoredFramesAreLeftOut) {
  Processing processing;
  processing.censor_fd = 0.5;
  const FramePlan plan = plan_frames(4, 2.0, processing, std::vector{kNan, 0.6, 0.5, 0.1});
  EXPECT_EQ(plan.frames, 3);
  EXPECT_EQ(plan.censored, 1);
  EXPECT_EQ(plan.step, 0);
  EXPECT_EQ(plan.dropped, (std::vector<std::uint8_t>{0, 1, 0, 0}));
}

TEST(FramePlan, TooMuchOrUnknownMotionIsAnError) {
  Processing processing;
  processing.censor_fd = 0.5;
  expect_error<DataError>(
      [&] {
        plan_frames(4, 2.0, processing, std::vector{0.6, 0.6, 0.6, 0.1});
      },
      {"3 of 4 frames", "censor_max=0.5"});
  expect_error<DataError>([&] { plan_frames(4, 2.0, processing, {}); }, {"no motion", "censor_fd=0.5"});
  expect_error<DataError>([&] { plan_frames(4, 2.0, processing, std::vector{0.1}); }, {"1 values", "4 frames"});
  processing.censor_max = 1;
  expect_error<DataError>([&] { plan_frames(2, 2.0, processing, std::vector{1.0, 1.0}); }, {"2 of 2 frames"});
}

TEST(FramePlan, ResamplingKeepsTheSpanOfTheScan) {
  Processing processing;
  processing.tr = 1.0;
  const FramePlan plan = plan_frames(11, 0.75, processing, {});  // the last frame lies at 7.5 s
  EXPECT_EQ(plan.frames, 8);
  EXPECT_EQ(plan.repetition_time, 1.0);
  EXPECT_NEAR(plan.step, 4.0 / 3.0, 1e-15);
  EXPECT_EQ(plan_frames(11, 1.0009, processing, {}).step, 0);  // within 0.1 %
  EXPECT_EQ(plan_frames(11, 1.0009, processing, {}).repetition_time, 1.0009);
  for (const double tr : {0.0, -1.0, 5.1, 0.19, kNan, 1e300}) {
    expect_error<DataError>([&] { plan_frames(11, tr, processing, {}); }, {"tr=1"});
  }
}

// Runs `frames` values through a resampler, one voxel; `gap` flags frames that are not there.
std::vector<float> resampled(const std::vector<float>& frames, double step, std::int64_t count,
                             const std::vector<bool>& gap = {}) {
  Resampler resampler(step, count, 1);
  std::vector<float> out;
  float value = 0;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (!gap.empty() && gap[i]) continue;
    resampler.push(static_cast<std::int64_t>(i), {&frames[i], 1});
    while (resampler.next({&value, 1})) out.push_back(value);
  }
  resampler.finish();
  while (resampler.next({&value, 1})) out.push_back(value);
  return out;
}

std::vector<float> sinusoid(std::size_t frames, double step, double cycles_per_frame) {
  std::vector<float> values;
  for (std::size_t i = 0; i < frames; ++i) {
    const double angle = 2 * std::numbers::pi * cycles_per_frame * step * static_cast<double>(i);
    values.push_back(static_cast<float>(100 + 10 * std::sin(angle + 0.3)));
  }
  return values;
}

TEST(Resampler, SinusoidBelowBothNyquistRatesIsReproduced) {
  for (const double step : {0.4, 0.98, 1.02, 1.7, 3.0}) {
    const auto in = sinusoid(200, 1, 0.05), out = resampled(in, step, static_cast<std::int64_t>(199 / step) + 1),
               expected = sinusoid(out.size(), step, 0.05);
    const auto edge = static_cast<std::size_t>(std::ceil(5 * std::max(1.0, step) / step));
    ASSERT_GT(out.size(), 2 * edge);
    for (std::size_t j = edge; j + edge < out.size(); ++j) ASSERT_NEAR(out[j], expected[j], 0.1) << step << " " << j;
  }
}

TEST(Resampler, WhatIsFasterThanTheNewNyquistRateIsRemoved) {
  const auto out = resampled(sinusoid(300, 1, 0.4), 3.0, 100);  // the new limit is 1/6 cycle a frame
  for (std::size_t j = 6; j + 6 < out.size(); ++j) ASSERT_NEAR(out[j], 100, 0.5);
}

TEST(Resampler, ConstantStaysConstantToTheEndsAndOverGaps) {
  std::vector<bool> gap(60, false);
  for (const std::size_t i : {0u, 1u, 20u, 21u, 22u, 40u, 59u}) gap[i] = true;
  for (const float x : resampled(std::vector<float>(60, 7.0f), 1.3, 46, gap)) ASSERT_NEAR(x, 7, 1e-5);
}

TEST(Resampler, OnItsOwnGridFramesStayAndGapsAreBridgedInStraightLines) {
  std::vector<float> in;
  for (int i = 0; i < 40; ++i) in.push_back(std::sqrt(static_cast<float>(i)));
  std::vector<bool> gap(40, false);
  for (const std::size_t i : {0u, 10u, 11u, 12u, 13u, 39u}) gap[i] = true;
  const auto out = resampled(in, 1, 40, gap);
  ASSERT_EQ(out.size(), 40u);
  for (std::size_t i = 0; i < 40; ++i) {
    if (!gap[i]) {
      ASSERT_EQ(out[i], in[i]);
    }
  }
  EXPECT_EQ(out[0], in[1]);
  EXPECT_EQ(out[39], in[38]);
  for (std::size_t i = 10; i < 14; ++i) {
    EXPECT_NEAR(out[i], in[9] + (in[14] - in[9]) * static_cast<float>(i - 9) / 5, 1e-5);
  }
}

// A gap wider than the reach of the weights: memory and result stay bounded.
TEST(Resampler, LongGapsAreBridged) {
  std::vector<float> in(100, 1.0f);
  std::vector<bool> gap(100, false);
  for (std::size_t i = 20; i < 70; ++i) gap[i] = true;
  for (std::size_t i = 70; i < 100; ++i) in[i] = 2;
  const auto out = resampled(in, 1.02, 98, gap);
  ASSERT_EQ(out.size(), 98u);
  EXPECT_NEAR(out[44], 1 + (44 * 1.02 - 19) / 51, 1e-5);
}

TEST(Crop, MovesTheOriginAlongTheAxes) {
  const Crop crop = *parse_crop({1, 4, 2, 9, 3, 5});
  EXPECT_EQ(crop.grid(), (io::CohortGrid{3, 7, 2}));
  const auto moved = crop.affine({-2, 0, 0, 90, 0, 2.5, 0, -126, 0, 0.5, 3, -72, 0, 0, 0, 1});
  EXPECT_EQ(moved, (std::array<double, 16>{-2, 0, 0, 88, 0, 2.5, 0, -121, 0, 0.5, 3, -62, 0, 0, 0, 1}));
  EXPECT_FALSE(parse_crop({}));
  for (const std::vector<std::int64_t>& bad : std::vector<std::vector<std::int64_t>>{
           {1, 2}, {0, 0, 0, 1, 0, 1}, {2, 1, 0, 1, 0, 1}, {-1, 1, 0, 1, 0, 1}, {0, 1, 0, 1, 0, 1 << 20}}) {
    expect_error<UsageError>([&] { parse_crop(bad); }, {"crop=", "x1 is the first"});
  }
}

TEST(Fill, IsLowestOrANumberThatFits) {
  EXPECT_FALSE(parse_fill("lowest"));
  EXPECT_EQ(parse_fill("-3.5"), -3.5);
  for (const char* bad : {"", "low", "nan", "1e9", "1,5"}) {
    expect_error<UsageError>([&] { parse_fill(bad); }, {"fill", "lowest or a number"});
  }
}

TEST(Collector, FindsVoxelsThatBecomeNonzeroLate) {
  const TemporaryDirectory directory;
  Spill spill(directory.path());
  EXPECT_EQ(directory.entries(), 0u);  // the file has no name
  Collector collector(5, spill);
  collector.add(std::vector<float>{0, 2, 0, 0, 4});
  collector.add(std::vector<float>{6, 0, 0, 8, 0});
  EXPECT_EQ(collector.voxel_indices(), (std::vector<std::uint32_t>{1, 4, 0, 3}));
  std::vector<float> room(4);
  const auto first = spill.next(room);
  EXPECT_EQ(std::vector<float>(first.begin(), first.end()), (std::vector<float>{2, 4}));
  const auto second = spill.next(room);
  EXPECT_EQ(std::vector<float>(second.begin(), second.end()), (std::vector<float>{0, 0, 6, 8}));
  const ScanValues values = collector.values();
  EXPECT_EQ(values.count, 4);
  EXPECT_EQ(values.mean, 5);
  EXPECT_NEAR(values.std, std::sqrt(20.0 / 3), 1e-15);
  EXPECT_EQ(values.smallest, 2);
  EXPECT_EQ(values.largest, 8);
}

TEST(FrameValues, AgreeWithPlainSums) {
  Philox random(3, 1);
  for (const std::size_t count : {1u, 15u, 16u, 17u, 1000u}) {
    std::vector<float> values;
    for (std::size_t i = 0; i < count; ++i) {
      values.push_back(i % 3 == 1 ? 0.0f : static_cast<float>(50 + random.normal()));
    }
    double sum = 0, squares = 0, n = 0;
    for (const float x : values) sum += x, n += x != 0;
    for (const float x : values) squares += x != 0 ? (x - sum / n) * (x - sum / n) : 0;
    const FrameValues result = values_of(values);
    EXPECT_EQ(result.moments.count, n);
    EXPECT_NEAR(result.moments.mean, sum / n, 1e-12);
    EXPECT_NEAR(result.moments.squares, squares, 1e-9);
  }
  EXPECT_EQ(values_of(std::vector<float>{0, 0}).moments.count, 0);
  const FrameCheck check = check_frame(std::vector<float>{0, -0.0f, 1, std::nanf(""), -INFINITY});
  EXPECT_EQ(check.nonzero, 3u);
  EXPECT_EQ(check.nonfinite, 2u);
}

void write_scan(const std::filesystem::path& path, std::array<std::int64_t, 4> shape) {
  io::NiftiHeader header;
  header.shape = shape;
  header.repetition_time = 1;
  header.affine = {2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1};
  io::write_nifti_gz(path, header, [](std::int64_t t, std::span<float> frame) {
    for (std::size_t v = 0; v < frame.size(); ++v)
      frame[v] = static_cast<float>(1 + (v + static_cast<std::size_t>(t)) % 97);
  });
}

// Peak resident growth, in bytes, of a process that stages the scan.
double growth_of_staging(const std::filesystem::path& path, const std::filesystem::path& directory) {
  int ends[2];
  if (::pipe(ends) != 0) return -1;
  const pid_t child = ::fork();
  if (child == 0) {
    const auto peak = [] {
      rusage usage = {};
      ::getrusage(RUSAGE_SELF, &usage);
      return static_cast<double>(usage.ru_maxrss) * 1024;
    };
    const double before = peak();
    const io::NiftiHeader header = io::read_nifti_header(path);
    Spill spill(directory);
    StageTimes times;
    const ScanTask task{path, directory / "staged", std::string(64, '0'), HeaderRow::of(header),
                        plan_frames(header.frames(), 1, {}, {})};
    stage_scan(task, {}, spill, times, [] {});
    const double grown = peak() - before;
    const bool told = ::write(ends[1], &grown, sizeof grown) == sizeof grown;
    ::_exit(told ? 0 : 1);
  }
  double grown = -1;
  ::close(ends[1]);
  if (::read(ends[0], &grown, sizeof grown) != sizeof grown) grown = -1;
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return grown;
}

// 40^3 voxels, all of them inside: 51 MB in float16 for 400 frames.
TEST(StageScan, MemoryDoesNotGrowWithTheNumberOfFrames) {
  const TemporaryDirectory directory;
  write_scan(directory / "short.nii.gz", {40, 40, 40, 20});
  write_scan(directory / "long.nii.gz", {40, 40, 40, 400});
  const double few = growth_of_staging(directory / "short.nii.gz", directory.path());
  const double many = growth_of_staging(directory / "long.nii.gz", directory.path());
  ASSERT_GT(few, 0);
  EXPECT_LT(many, few + 2e6);
  EXPECT_LT(many, 32e6);
}

}  // namespace
}  // namespace brainmt::prepare
