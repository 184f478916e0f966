#pragma once
// What the host scan does with 16 lanes beyond arithmetic: a fast exponential, and the folding of sums over lanes.
#include "base/lanes.hpp"

namespace brainmt::kernels::detail {

using IntLanes __attribute__((vector_size(kLanes * 4))) = std::int32_t;

/// 2^x for x <= 0 within 2e-7 relative, also without fused multiply-add: a minimax polynomial of degree 5 on
/// [-1/2, 1/2] (1.1e-7) with p(0) = 1, then the exponent bits. Below 2^-126 it is 0, never a slow denormal; NaN stays.
inline Lanes exp2_nonpositive(Lanes x) {
  constexpr float kRounder = 0x1.8p23f;  // a sum with it has round(x) in its lowest bits
  const Lanes shifted = x + kRounder;
  const Lanes f = x - (shifted - kRounder);
  Lanes p = Lanes{} + 0.0013264727f;
  p = p * f + 0.009671513f;
  p = p * f + 0.055507336f;
  p = p * f + 0.24022242f;
  p = p * f + 0.693147f;
  p = p * f + 1.0f;
  const LaneBits power = bits_as<LaneBits>(shifted) << 23;
  return x < -126.0f ? Lanes{} : bits_as<Lanes>(bits_as<LaneBits>(p) + power);
}

/// Lanes picked from the 32 of (a, b) by index.
template <int... Index>
Lanes pick(Lanes a, Lanes b) {
#if defined(__clang__)
  return __builtin_shufflevector(a, b, Index...);
#else
  return __builtin_shuffle(a, b, IntLanes{Index...});
#endif
}

/// Four vectors to one: lanes 4n..4n+3 of the result hold four partial sums whose total is the sum over lanes of v[n].
inline Lanes fold_four(const Lanes (&v)[4]) {
  const Lanes v01 = pick<0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23>(v[0], v[1]) +
                    pick<8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31>(v[0], v[1]);
  const Lanes v23 = pick<0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23>(v[2], v[3]) +
                    pick<8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31>(v[2], v[3]);
  return pick<0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27>(v01, v23) +
         pick<4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31>(v01, v23);
}

/// Finishes fold_four for four results w[0..3]: lane 4n + i of the result is the full sum that w[i] held for n.
inline Lanes fold_quads(const Lanes (&w)[4]) {
  const auto halve = [](Lanes a, Lanes b) {
    return pick<0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29>(a, b) +
           pick<2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31>(a, b);
  };
  const Lanes w01 = halve(w[0], w[1]), w23 = halve(w[2], w[3]);
  return pick<0, 2, 16, 18, 4, 6, 20, 22, 8, 10, 24, 26, 12, 14, 28, 30>(w01, w23) +
         pick<1, 3, 17, 19, 5, 7, 21, 23, 9, 11, 25, 27, 13, 15, 29, 31>(w01, w23);
}

}  // namespace brainmt::kernels::detail
