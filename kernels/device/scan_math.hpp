#pragma once
// Arithmetic of the device's scan, in Master<T>: step size, decay, and addresses of the tokens of a segment.
#include <cmath>

#include "base/error.hpp"
#include "kernels/detail/vector_math.hpp"
#include "kernels/ref/activations.hpp"
#include "kernels/selective_scan.hpp"

namespace brainmt::kernels::device {

inline constexpr int kPass = 16;  // states at once; more of them take several passes

template <class M>
struct ScanMath;

/// double: the library's functions.
template <>
struct ScanMath<double> {
  KOKKOS_INLINE_FUNCTION static double softplus(double x) { return ref::Softplus::value(x); }
  KOKKOS_INLINE_FUNCTION static double sigmoid(double x) { return ref::sigmoid(x); }
  /// Rate of decay of state n as `decay` takes it.
  KOKKOS_INLINE_FUNCTION static double rate(double a_log) { return -std::exp(a_log); }
  KOKKOS_INLINE_FUNCTION static double decay(double delta_rate) { return std::exp(delta_rate); }
  static constexpr double kPerRate = 1.0;  // d (delta A) / d (delta rate)
};

/// float: decays are powers of two, 2^(delta A log2 e), by ex2.approx on a device (2^-22.5 relative) and by a
/// polynomial on the host (2e-7).
template <>
struct ScanMath<float> {
  /// log(1 + e^x) to 2e-6 relative for x >= -16: the rounding of x log2 e, and 3e-7 of the polynomial.
  KOKKOS_INLINE_FUNCTION static float softplus(float x) {
    const float u = decay(-kLog2E * std::fabs(x));
    float p = -0.0085392753f;  // log(1 + u) / u for u in [0, 1]
    p = p * u + 0.044089999f;
    p = p * u - 0.10768244f;
    p = p * u + 0.17745312f;
    p = p * u - 0.24495497f;
    p = p * u + 0.33275488f;
    p = p * u - 0.49997407f;
    p = p * u + 0.99999982f;
    return (x > 0.0f ? x : 0.0f) + p * u;
  }
  /// 1 / (1 + e^-x), to 2e-6 relative likewise.
  KOKKOS_INLINE_FUNCTION static float sigmoid(float x) {
    const float u = decay(-kLog2E * std::fabs(x));
    return (x < 0.0f ? u : 1.0f) * reciprocal(1.0f + u);
  }
  /// A log2 e, bounded so that 0 times a rate is never NaN.
  KOKKOS_INLINE_FUNCTION static float rate(float a_log) {
    constexpr float kFastest = -1e30f;
#if defined(__CUDA_ARCH__)
    const float rate = -kLog2E * decay(kLog2E * a_log);  // the unit takes numbers above 0 too
#else
    const float rate = -kLog2E * detail::vexp(a_log);
#endif
    return rate < kFastest ? kFastest : rate;
  }
  /// 2^x for x <= 0; below 2^-126 it is 0, NaN stays.
  KOKKOS_INLINE_FUNCTION static float decay(float x) {
#if defined(__CUDA_ARCH__)
    float power;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x));
    return power;
#else
    constexpr float kRounder = 0x1.8p23f;  // a sum with it has round(x) in its lowest bits
    const float shifted = x + kRounder;
    const float f = x - (shifted - kRounder);
    float p = 0.0013264727f;  // the polynomial of detail/lanes.hpp, one number at a time
    p = p * f + 0.009671513f;
    p = p * f + 0.055507336f;
    p = p * f + 0.24022242f;
    p = p * f + 0.693147f;
    p = p * f + 1.0f;
    const std::uint32_t power = __builtin_bit_cast(std::uint32_t, shifted) << 23;
    return x < -126.0f ? 0.0f : __builtin_bit_cast(float, __builtin_bit_cast(std::uint32_t, p) + power);
#endif
  }
  static constexpr float kPerRate = 0.693147181f;  // ln 2

 private:
  static constexpr float kLog2E = 1.44269504f;

  KOKKOS_INLINE_FUNCTION static float reciprocal(float x) {
#if defined(__CUDA_ARCH__)
    float inverse;  // 1 ulp
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(inverse) : "f"(x));
    return inverse;
#else
    return 1.0f / x;
#endif
  }
};

/// f(0) .. f(kCount - 1) with constants: what is indexed by them stays in registers.
template <int kCount, int kFrom = 0, class F>
KOKKOS_INLINE_FUNCTION void unrolled(const F& f) {
  if constexpr (kFrom < kCount) {
    f(std::integral_constant<int, kFrom>());
    unrolled<kCount, kFrom + 1>(f);
  }
}
/// The tokens of one segment in scan order: rows first, first + step, ... (`count` of them).
struct Segment {
  std::ptrdiff_t first, step;
  int count;

  KOKKOS_INLINE_FUNCTION Segment(Direction direction, std::size_t length, std::size_t sample, std::size_t index) {
    const std::size_t begin = index * kScanSegment, left = length - begin;
    const bool forward = direction == Direction::kForward;
    first = static_cast<std::ptrdiff_t>(sample * length + (forward ? begin : length - 1 - begin));
    step = forward ? 1 : -1;
    count = static_cast<int>(left < kScanSegment ? left : kScanSegment);
  }
  KOKKOS_INLINE_FUNCTION std::size_t row(int t) const { return static_cast<std::size_t>(first + step * t); }
};

/// One column of a token matrix, at every `every`-th token of a segment from token `begin` on. An incremented pointer:
/// address arithmetic would cost more instructions than the computation.
template <class T>
struct Column {
  T* at;
  std::ptrdiff_t bytes;  // of a step

  Column() = default;
  KOKKOS_INLINE_FUNCTION Column(const MatrixView<T>& rows, const Segment& segment, std::size_t column, int begin,
                                int every)
      : at(&rows(static_cast<std::size_t>(segment.first), column)) {
    const std::ptrdiff_t step = segment.step * static_cast<std::ptrdiff_t>(rows.ld);
    at += step * begin;
    bytes = step * every * static_cast<std::ptrdiff_t>(sizeof(T));
  }
  KOKKOS_INLINE_FUNCTION T& operator*() const { return *at; }
  KOKKOS_INLINE_FUNCTION void next() {
    using Byte = std::conditional_t<std::is_const_v<T>, const char, char>;
    at = reinterpret_cast<T*>(reinterpret_cast<Byte*>(at) + bytes);
  }
};

/// value as it is stored; on a device in one instruction.
template <class T>
KOKKOS_INLINE_FUNCTION T rounded(Master<T> value) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  if constexpr (std::is_same_v<T, bf16>) {
    bf16 result;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
    return result;
  }
#endif
  return static_cast<T>(value);
}

/// One or two directions, with the extents of a launch.
template <class T>
struct ScanProblem {
  static constexpr int kMaxDirections = 2;
  ScanDirection<T> direction[kMaxDirections];
  int directions;
  std::size_t batch, length, channels, states;

  KOKKOS_INLINE_FUNCTION std::size_t segments() const { return scan_segments(length); }
  int passes() const { return static_cast<int>((states + kPass - 1) / kPass); }
};

template <class T>
ScanProblem<T> scan_problem(std::span<const ScanDirection<T>> directions, std::size_t batch, std::size_t length) {
  BRAINMT_CHECK(directions.size() >= 1 && directions.size() <= ScanProblem<T>::kMaxDirections,
                "selective scan: {} directions", directions.size());
  ScanProblem<T> problem{{},     static_cast<int>(directions.size()), batch,
                         length, directions[0].a_log.extent(0),       directions[0].a_log.extent(1)};
  for (std::size_t i = 0; i < directions.size(); ++i) {
    problem.direction[i] = directions[i];
    BRAINMT_CHECK(directions[i].states.size() == batch * problem.segments() * problem.channels * problem.states,
                  "selective scan: {} stored states for {} samples of {} tokens", directions[i].states.size(), batch,
                  length);
  }
  return problem;
}

}  // namespace brainmt::kernels::device
