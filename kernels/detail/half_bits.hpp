#pragma once
// IEEE 754 binary16 as a device reads it. The store's own conversions are in io/float16.hpp; these are the same bits.
#include <cstdint>

#include "kernels/types.hpp"

namespace brainmt::kernels::detail {

/// binary16 -> float, exact: subnormals are kept, and a signalling NaN becomes quiet, as on the host. A subnormal is
/// scaled in float arithmetic from its integer, so that no setting that flushes subnormals can touch it.
KOKKOS_INLINE_FUNCTION float float_of_half(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000u) << 16, exponent = (half >> 10) & 0x1fu, mantissa = half & 0x03ffu;
  std::uint32_t magnitude = ((exponent + 112u) << 23) | (mantissa << 13);
  if (exponent == 0u) magnitude = __builtin_bit_cast(std::uint32_t, static_cast<float>(mantissa) * 0x1p-24f);
  if (exponent == 0x1fu) magnitude = 0x7f800000u | (mantissa << 13) | (mantissa != 0u ? 0x00400000u : 0u);
  return __builtin_bit_cast(float, sign | magnitude);
}

}  // namespace brainmt::kernels::detail
