// Half-precision conversions: every half survives the round trip, and rounding is to nearest with ties to even.
#include "io/float16.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/philox.hpp"

namespace brainmt::io {
namespace {

bool is_nan(std::uint16_t half) { return (half & 0x7fffu) > 0x7c00u; }

TEST(Float16, EveryHalfSurvivesTheRoundTrip) {
  for (std::uint32_t bits = 0; bits <= 0xffffu; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = half_to_float(half);
    if (is_nan(half)) {
      EXPECT_TRUE(std::isnan(value));
      EXPECT_TRUE(is_nan(float_to_half(value)));
    } else {
      EXPECT_EQ(float_to_half(value), half);
    }
  }
}

TEST(Float16, KnownValues) {
  EXPECT_EQ(half_to_float(0x3c00), 1.0f);
  EXPECT_EQ(half_to_float(0xc000), -2.0f);
  EXPECT_EQ(half_to_float(0x7bff), kHalfMax);
  EXPECT_EQ(half_to_float(0x0001), 0x1p-24f);
  EXPECT_EQ(half_to_float(0x7c00), std::numeric_limits<float>::infinity());
  EXPECT_EQ(float_to_half(65519.996f), 0x7bff);
  EXPECT_EQ(float_to_half(65520.0f), 0x7c00);
  EXPECT_EQ(float_to_half(0x1p-25f), 0x0000);  // tie between 0 and the smallest: to even
  EXPECT_EQ(float_to_half(std::nextafter(0x1p-25f, 1.0f)), 0x0001);
  EXPECT_EQ(float_to_half(-0.0f), 0x8000);
}

// Between every pair of neighbouring finite halfs: the midpoint goes to the even one, its float neighbours to the
// nearer.
TEST(Float16, RoundsToNearestEven) {
  for (std::uint16_t low = 0; low < 0x7bff; ++low) {
    const auto high = static_cast<std::uint16_t>(low + 1);
    const float middle = 0.5f * (half_to_float(low) + half_to_float(high));
    EXPECT_EQ(float_to_half(middle), low % 2 == 0 ? low : high);
    EXPECT_EQ(float_to_half(std::nextafter(middle, 0.0f)), low);
    EXPECT_EQ(float_to_half(std::nextafter(middle, 1e9f)), high);
  }
}

// The array functions use the hardware where it is there; 37 is no multiple of its width.
TEST(Float16, ArraysGiveTheSameBitsAsScalars) {
  Philox random(1, 0);
  std::vector<float> floats(37), back(37);
  std::vector<std::uint16_t> halfs(37);
  for (int trial = 0; trial < 200; ++trial) {
    for (float& value : floats) value = static_cast<float>(random.normal() * std::exp2(random.uniform(-30, 20)));
    floats_to_halfs(floats, halfs);
    halfs_to_floats(halfs, back);
    for (std::size_t i = 0; i < floats.size(); ++i) {
      EXPECT_EQ(halfs[i], float_to_half(floats[i])) << floats[i];
      EXPECT_EQ(back[i], half_to_float(halfs[i]));
    }
  }
}

}  // namespace
}  // namespace brainmt::io
