#pragma once
// IEEE 754 binary16 as a storage type of the cohort store. A half is passed around as its 16 bits; arithmetic is always
// done in float. Rounding is to nearest, ties to even; subnormals are kept, overflow gives infinity, NaN stays NaN.
// With F16C (any x86 processor of the last ten years) the hardware converts; the plain functions give the same bits.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#if defined(__F16C__)
#include <immintrin.h>
#endif

namespace brainmt::io {

/// Largest finite binary16.
inline constexpr float kHalfMax = 65504.0f;

/// float -> binary16 in integer arithmetic only.
constexpr std::uint16_t float_to_half(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint16_t sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x03ffu));
  if (magnitude >= 0x477ff000u) return sign | 0x7c00u;  // 65520 and above rounds to infinity
  if (magnitude >= 0x38800000u) {                       // normal: move the exponent bias from 127 to 15
    const std::uint32_t rebased = magnitude - 0x38000000u;
    return static_cast<std::uint16_t>(sign | ((rebased + 0x0fffu + ((rebased >> 13) & 1u)) >> 13));
  }
  if (magnitude < 0x33000000u) return sign;              // below half of the smallest subnormal
  const std::uint32_t shift = 126u - (magnitude >> 23);  // 14 to 24: a subnormal counts units of 2^-24
  const std::uint32_t mantissa = (magnitude & 0x007fffffu) | 0x00800000u;
  const std::uint32_t kept = mantissa >> shift, rest = mantissa & ((1u << shift) - 1u), half = 1u << (shift - 1u);
  return static_cast<std::uint16_t>(sign | (kept + ((rest > half || (rest == half && (kept & 1u))) ? 1u : 0u)));
}

/// binary16 -> float, exact.
constexpr float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = std::uint32_t{half & 0x8000u} << 16, exponent = (half >> 10) & 0x1fu;
  const std::uint32_t mantissa = half & 0x03ffu;
  if (exponent == 0x1fu) {
    const std::uint32_t quiet = mantissa ? 0x00400000u : 0u;  // a signalling NaN becomes quiet, as in hardware
    return std::bit_cast<float>(sign | 0x7f800000u | quiet | (mantissa << 13));
  }
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112u) << 23) | (mantissa << 13));
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
}

/// halfs[i] = float_to_half(floats[i]); both have the same count.
inline void floats_to_halfs(std::span<const float> floats, std::span<std::uint16_t> halfs) {
  std::size_t i = 0;
#if defined(__F16C__)
  for (; i + 8 <= floats.size(); i += 8) {
    const __m128i packed = _mm256_cvtps_ph(_mm256_loadu_ps(floats.data() + i), _MM_FROUND_TO_NEAREST_INT);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(halfs.data() + i), packed);
  }
#endif
  for (; i < floats.size(); ++i) halfs[i] = float_to_half(floats[i]);
}

/// floats[i] = half_to_float(halfs[i]); both have the same count.
inline void halfs_to_floats(std::span<const std::uint16_t> halfs, std::span<float> floats) {
  std::size_t i = 0;
#if defined(__F16C__)
  for (; i + 8 <= halfs.size(); i += 8) {
    const __m128i packed = _mm_loadu_si128(reinterpret_cast<const __m128i*>(halfs.data() + i));
    _mm256_storeu_ps(floats.data() + i, _mm256_cvtph_ps(packed));
  }
#endif
  for (; i < halfs.size(); ++i) floats[i] = half_to_float(halfs[i]);
}

}  // namespace brainmt::io
