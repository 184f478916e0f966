// The portable scan's arithmetic in float, over the range of what a scan meets. On a device ex2.approx and rcp.approx
// stand where the host has a polynomial and a division; their errors are the vendor's to bound.
#include "kernels/device/scan_math.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace brainmt::kernels::device {
namespace {

using Math = ScanMath<float>;

// x log2 e is rounded once: relative 2^-24 of an exponent of up to 23, times ln 2; the rest is 5e-7.
constexpr double kBound = 16 * 0x1p-24 + 5e-7;

TEST(ScanMath, SoftplusAndSigmoid) {
  double softplus = 0, sigmoid = 0;
  for (int i = -16 * 4096; i <= 64 * 4096; ++i) {
    const float x = static_cast<float>(i) / 4096;
    const double wanted = x > 0 ? double(x) + std::log1p(std::exp(-double(x))) : std::log1p(std::exp(double(x)));
    softplus = std::max(softplus, std::abs(Math::softplus(x) / wanted - 1));
    sigmoid = std::max(sigmoid, std::abs(Math::sigmoid(x) * (1 + std::exp(-double(x))) - 1));
  }
  EXPECT_LE(softplus, kBound);
  EXPECT_LE(sigmoid, kBound);
  RecordProperty("softplus", std::to_string(softplus));
}

TEST(ScanMath, Decay) {
  double error = 0;
  for (int i = 0; i <= 120 * 4096; ++i) {
    const float x = -static_cast<float>(i) / 4096;
    error = std::max(error, std::abs(Math::decay(x) / std::exp2(double(x)) - 1));
  }
  EXPECT_LE(error, 3e-7);
  EXPECT_EQ(Math::decay(0), 1);
  EXPECT_EQ(Math::decay(-1e30f), 0);
}

TEST(ScanMath, EndsOfTheRange) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(Math::softplus(-1e4f), 0);
  EXPECT_EQ(Math::softplus(1e4f), 1e4f);
  EXPECT_EQ(Math::sigmoid(-1e4f), 0);
  EXPECT_EQ(Math::sigmoid(1e4f), 1);
  EXPECT_TRUE(std::isnan(Math::softplus(kNan)) && std::isnan(Math::sigmoid(kNan)) && std::isnan(Math::decay(kNan)));
  EXPECT_LT(Math::rate(100), -1e29f);
  EXPECT_EQ(0 * Math::rate(1e30f), 0);
}

}  // namespace
}  // namespace brainmt::kernels::device
