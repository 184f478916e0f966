#pragma once
// Transcendental functions in float without branches, tables or library calls, so that a loop over a contiguous axis
// vectorises. Errors below are measured over the whole range by tests/kernels/vector_math_test.cpp. NaN goes through.
#include <Kokkos_Macros.hpp>
#include <cstdint>

namespace brainmt::kernels::detail {

/// e^x to 3e-7 relative in [-87.3, 88.3]; 0 below, 2^127.4 above (never infinite).
KOKKOS_INLINE_FUNCTION float vexp(float x) {
  constexpr float kLow = -87.33f, kHigh = 88.37f;
  constexpr float kLog2E = 1.44269504f, kRound = 0x1.8p23f;
  constexpr float kLn2High = 0x1.62e4p-1f,
                  kLn2Low = 1.42860677e-6f;  // the first has 8 trailing zero bits: n * it is exact
  const float clamped = x < kLow ? kLow : x > kHigh ? kHigh : x;
  // Adding 1.5 * 2^23 leaves round(x / ln 2) in the low mantissa bits.
  const float shifted = clamped * kLog2E + kRound;
  const float n = shifted - kRound;
  const float r = (clamped - n * kLn2High) - n * kLn2Low;  // |r| <= ln 2 / 2: the Taylor tail is below 6e-9
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const std::uint32_t power = (__builtin_bit_cast(std::uint32_t, shifted) << 23) + 0x3f800000u;  // 2^n
  const float y = p * __builtin_bit_cast(float, power);
  return x < kLow ? 0.0f : y;
}

/// log(1 + u) to 3e-7 relative for u in [0, 1]: 2 artanh(u / (2 + u)) by its series, whose argument is at most 1/3.
KOKKOS_INLINE_FUNCTION float vlog1p(float u) {
  const float s = u / (2.0f + u), q = s * s;
  float p = 1.0f / 15;
  p = p * q + 1.0f / 13;
  p = p * q + 1.0f / 11;
  p = p * q + 1.0f / 9;
  p = p * q + 1.0f / 7;
  p = p * q + 1.0f / 5;
  p = p * q + 1.0f / 3;
  p = p * q + 1.0f;
  return 2.0f * s * p;
}

/// 1 / (1 + e^-x) to 5e-7 relative where the result is a normal number.
KOKKOS_INLINE_FUNCTION float vsigmoid(float x) { return 1.0f / (1.0f + vexp(-x)); }

/// tanh x to 2e-7 absolute (not relative: the small values of small x cancel).
KOKKOS_INLINE_FUNCTION float vtanh(float x) { return 1.0f - 2.0f / (vexp(2.0f * x) + 1.0f); }

/// erf x to 6e-7 absolute: Abramowitz & Stegun 7.1.26, odd by construction.
KOKKOS_INLINE_FUNCTION float verf(float x) {
  const float a = x < 0.0f ? -x : x;
  const float t = 1.0f / (1.0f + 0.3275911f * a);
  float p = 1.061405429f;
  p = p * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  const float y = 1.0f - p * t * vexp(-a * a);
  return x < 0.0f ? -y : y;
}

/// log(1 + e^x) without overflow.
KOKKOS_INLINE_FUNCTION float vsoftplus(float x) {
  const float magnitude = x < 0.0f ? -x : x;
  return (x > 0.0f ? x : x - x) + vlog1p(vexp(-magnitude));  // x - x: zero, but NaN for NaN
}

}  // namespace brainmt::kernels::detail
