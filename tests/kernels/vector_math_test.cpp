// The float functions of kernels/detail/vector_math.hpp against the C library in double, with the errors they state.
#include "kernels/detail/vector_math.hpp"

#include <cmath>
#include <limits>

#include "kernel_test_support.hpp"

namespace brainmt::kernels::detail {
namespace {

enum class Error { kAbsolute, kRelative };

template <class F, class G>
void expect_error_below(F fast, G exact, double low, double high, Error kind, double bound) {
  constexpr int kPoints = 200003;
  for (int i = 0; i <= kPoints; ++i) {
    const float x = static_cast<float>(low + (high - low) * i / kPoints);
    const double want = exact(static_cast<double>(x));
    const double scale = kind == Error::kRelative ? std::abs(want) : 1.0;
    ASSERT_LE(std::abs(static_cast<double>(fast(x)) - want), bound * scale) << "x = " << x;
  }
}

TEST(VectorMath, MeetsItsStatedErrors) {
  expect_error_below(
      vexp, [](double x) { return std::exp(x); }, -87.3, 88.3, Error::kRelative, 3e-7);
  expect_error_below(
      vlog1p, [](double u) { return std::log1p(u); }, 0, 1, Error::kRelative, 3e-7);
  expect_error_below(
      vlog1p, [](double u) { return std::log1p(u); }, 0, 1e-6, Error::kRelative, 3e-7);
  expect_error_below(
      vsigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }, -87, 100, Error::kRelative, 5e-7);
  expect_error_below(
      vtanh, [](double x) { return std::tanh(x); }, -60, 60, Error::kAbsolute, 2e-7);
  expect_error_below(
      verf, [](double x) { return std::erf(x); }, -12, 12, Error::kAbsolute, 6e-7);
  expect_error_below(
      vsoftplus, [](double x) { return std::log1p(std::exp(x)); }, -80, 30, Error::kRelative, 6e-7);
}

TEST(VectorMath, HandlesExtremesAndNaN) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity(), kNaN = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(vexp(-kInfinity), 0.0f);
  EXPECT_EQ(vexp(-1e4f), 0.0f);
  EXPECT_EQ(vexp(0.0f), 1.0f);
  EXPECT_TRUE(std::isfinite(vexp(kInfinity)));
  EXPECT_GT(vexp(1e4f), 1e38f);
  EXPECT_EQ(vtanh(1e30f), 1.0f);
  EXPECT_EQ(vtanh(-1e30f), -1.0f);
  EXPECT_EQ(vsoftplus(1e4f), 1e4f);
  for (float (*f)(float) : {vexp, vlog1p, vsigmoid, vtanh, verf, vsoftplus}) EXPECT_TRUE(std::isnan(f(kNaN)));
}

}  // namespace
}  // namespace brainmt::kernels::detail
