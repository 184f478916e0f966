#pragma once
// Activations in float that vectorise; the same interface as kernels/ref/activations.hpp.
#include "kernels/detail/vector_math.hpp"

namespace brainmt::kernels::detail {

struct Relu {
  KOKKOS_INLINE_FUNCTION static float value(float x) { return x < 0.0f ? 0.0f : x; }  // NaN stays NaN
  KOKKOS_INLINE_FUNCTION static float slope(float x) { return x > 0.0f ? 1.0f : 0.0f; }
};

struct GeluTanh {
  KOKKOS_INLINE_FUNCTION static float value(float x) { return x * vsigmoid(2.0f * inner(x)); }
  KOKKOS_INLINE_FUNCTION static float slope(float x) {
    const float s = vsigmoid(2.0f * inner(x));  // 0.5 (1 + tanh u) = sigmoid(2 u)
    return s + 2.0f * x * s * (1.0f - s) * kScale * (1.0f + 3.0f * kCubic * x * x);
  }

 private:
  static constexpr float kScale = 0.797884561f;  // sqrt(2 / pi)
  static constexpr float kCubic = 0.044715f;
  KOKKOS_INLINE_FUNCTION static float inner(float x) { return kScale * (x + kCubic * x * x * x); }
};

struct GeluErf {
  KOKKOS_INLINE_FUNCTION static float value(float x) { return x * normal_integral(x); }
  KOKKOS_INLINE_FUNCTION static float slope(float x) {
    constexpr float kDensity = 0.398942280f;  // 1 / sqrt(2 pi)
    return normal_integral(x) + x * kDensity * vexp(-0.5f * x * x);
  }

 private:
  KOKKOS_INLINE_FUNCTION static float normal_integral(float x) { return 0.5f + 0.5f * verf(x * 0.707106781f); }
};

struct Silu {
  KOKKOS_INLINE_FUNCTION static float value(float x) { return x * vsigmoid(x); }
  KOKKOS_INLINE_FUNCTION static float slope(float x) {
    const float s = vsigmoid(x);
    return s * (1.0f + x * (1.0f - s));
  }
};

struct Softplus {
  KOKKOS_INLINE_FUNCTION static float value(float x) { return vsoftplus(x); }
  KOKKOS_INLINE_FUNCTION static float slope(float x) { return vsigmoid(x); }
};

}  // namespace brainmt::kernels::detail
