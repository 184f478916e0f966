#pragma once
// bfloat16 as a storage type: the upper half of a float32. Arithmetic is always done in float; only loads and stores
// convert. Rounding is to nearest, ties to even; NaN stays NaN.
#include <bit>
#include <cstdint>

#if defined(__CUDACC__)
#define BRAINMT_HOST_DEVICE __host__ __device__
#else
#define BRAINMT_HOST_DEVICE
#endif

namespace brainmt {

struct bf16 {
  std::uint16_t bits;

  bf16() = default;
  BRAINMT_HOST_DEVICE bf16(float value) : bits(round(value)) {}  // NOLINT: a storage type converts on assignment
  BRAINMT_HOST_DEVICE operator float() const { return __builtin_bit_cast(float, std::uint32_t{bits} << 16); }

 private:
  BRAINMT_HOST_DEVICE static std::uint16_t round(float value) {
    std::uint32_t u = __builtin_bit_cast(std::uint32_t, value);
    if ((u & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((u >> 16) | 0x40u);
    return static_cast<std::uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
  }
};
static_assert(sizeof(bf16) == 2);

/// Type of parameters, statistics, the residual stream and all accumulation when activations are stored as T.
template <class T>
struct MasterOf {
  using type = float;
};
template <>
struct MasterOf<double> {
  using type = double;
};
template <class T>
using Master = typename MasterOf<T>::type;

}  // namespace brainmt
