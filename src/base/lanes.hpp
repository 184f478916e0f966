#pragma once
// Sixteen channels at a time: a vector type of 16 floats, its loads from and stores to fp32 and bf16.
// GCC and Clang vector extensions: one 512-bit register where the processor has them, several narrower ones elsewhere.
#include <cstdint>
#include <cstring>

#include "base/bfloat16.hpp"

namespace brainmt {

inline constexpr int kLanes = 16;

using Lanes __attribute__((vector_size(kLanes * 4))) = float;
using LaneBits __attribute__((vector_size(kLanes * 4))) = std::uint32_t;
using LaneHalves __attribute__((vector_size(kLanes * 2))) = std::uint16_t;

/// Reinterprets the bits of one vector as another of the same size.
template <class To, class From>
To bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From));
  return __builtin_bit_cast(To, from);
}

inline Lanes load_lanes(const float* from) {
  Lanes value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

inline void store_lanes(float* to, Lanes value) { std::memcpy(to, &value, sizeof value); }

inline Lanes load_lanes(const bf16* from) {
  LaneHalves half;
  std::memcpy(&half, from, sizeof half);
  return bits_as<Lanes>(__builtin_convertvector(half, LaneBits) << 16);
}

/// Rounds as bf16(float) does: to nearest, ties to even, NaN stays NaN.
inline void store_lanes(bf16* to, Lanes value) {
  const LaneBits word = bits_as<LaneBits>(value);
  const LaneBits rounded = (word + 0x7fffu + ((word >> 16) & 1u)) >> 16;
  const LaneBits quiet_nan = (word >> 16) | 0x40u;
  const LaneHalves half = __builtin_convertvector(value == value ? rounded : quiet_nan, LaneHalves);
  std::memcpy(to, &half, sizeof half);
}

/// The first `width` <= 16 elements; the other lanes are 0.
template <class T>
Lanes load_lanes(const T* from, int width) {
  if (width == kLanes) return load_lanes(from);
  Lanes value{};
  for (int lane = 0; lane < width; ++lane) value[lane] = from[lane];
  return value;
}

template <class T>
void store_lanes(T* to, Lanes value, int width) {
  if (width == kLanes) return store_lanes(to, value);
  for (int lane = 0; lane < width; ++lane) to[lane] = T(float(value[lane]));
}

}  // namespace brainmt
