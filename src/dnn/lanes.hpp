#pragma once
// Sixteen channels of one voxel in one vector register, loaded from and stored to fp32 or bf16.
#include <cstdint>
#include <cstring>

#include "base/bfloat16.hpp"

namespace brainmt::dnn::detail {

inline constexpr int kLanes = 16;
typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float))));
typedef std::uint32_t LaneBits __attribute__((vector_size(kLanes * sizeof(std::uint32_t))));
typedef std::uint16_t LaneHalves __attribute__((vector_size(kLanes * sizeof(std::uint16_t))));

inline Lanes load_lanes(const float* from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

inline Lanes load_lanes(const bf16* from) {
  LaneHalves halves;
  std::memcpy(&halves, from, sizeof halves);
  return reinterpret_cast<Lanes>(__builtin_convertvector(halves, LaneBits) << 16);
}

inline void store_lanes(float* to, Lanes lanes) { std::memcpy(to, &lanes, sizeof lanes); }

/// Rounds as bf16's constructor does: to nearest, ties to even, NaN stays NaN.
inline void store_lanes(bf16* to, Lanes lanes) {
  const auto bits = reinterpret_cast<LaneBits>(lanes);
  const LaneBits rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const LaneBits quiet = (bits >> 16) | 0x40u;
  const auto halves = __builtin_convertvector((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded, LaneHalves);
  std::memcpy(to, &halves, sizeof halves);
}

}  // namespace brainmt::dnn::detail
