#pragma once
// Arithmetic of one channel of the portable scan, in Master<T>: step size, decay, and where the tokens of a segment
// lie. One work item owns one channel of one segment; its kPass states live in registers.
#include <cmath>

#include "kernels/detail/vector_math.hpp"
#include "kernels/ref/activations.hpp"
#include "kernels/selective_scan.hpp"

namespace brainmt::kernels::portable {

inline constexpr int kPass = 16;  // states in registers at once; more of them take several passes

template <class M>
struct ScanMath;

/// double: the library's functions.
template <>
struct ScanMath<double> {
  KOKKOS_INLINE_FUNCTION static double softplus(double x) { return ref::Softplus::value(x); }
  KOKKOS_INLINE_FUNCTION static double sigmoid(double x) { return ref::sigmoid(x); }
  /// Rate of decay of state n as `decay` takes it.
  KOKKOS_INLINE_FUNCTION static double rate(double a_log) { return -std::exp(a_log); }
  template <int kState>
  KOKKOS_INLINE_FUNCTION static double decay(double delta_rate) {
    return std::exp(delta_rate);
  }
  static constexpr double kPerRate = 1.0;  // d (delta A) / d (delta rate)
};

/// float: decays are powers of two, 2^(delta A log2 e). A device has one unit for ex2 and eight times as many for
/// multiply-adds: in the walks that do little else, one state of eight takes a polynomial (2e-7 relative) instead of
/// ex2.approx (2^-22.5), so that neither unit waits. `decay<0>` is ex2.approx always.
template <>
struct ScanMath<float> {
  /// log(1 + e^x) to 2e-6 relative for x >= -16: the rounding of x log2 e, and 3e-7 of the polynomial.
  KOKKOS_INLINE_FUNCTION static float softplus(float x) {
    const float u = exp_of_minus(x < 0.0f ? -x : x);
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
    const float u = exp_of_minus(x < 0.0f ? -x : x);
    return (x < 0.0f ? u : 1.0f) * reciprocal(1.0f + u);
  }
  /// A log2 e, bounded so that 0 times a rate is never NaN.
  KOKKOS_INLINE_FUNCTION static float rate(float a_log) {
    constexpr float kFastest = -1e30f;
    const float rate = -kLog2E * detail::vexp(a_log);
    return rate < kFastest ? kFastest : rate;
  }
  template <int kState>
  KOKKOS_INLINE_FUNCTION static float decay(float x) {
    if constexpr (kState % 8 != 7)
      return exp2_by_unit(x);
    else
      return exp2_nonpositive(x);
  }
  static constexpr float kPerRate = 0.693147181f;  // ln 2

 private:
  static constexpr float kLog2E = 1.44269504f;

  /// 2^x for x <= 0 by a device's unit for it.
  KOKKOS_INLINE_FUNCTION static float exp2_by_unit(float x) {
#if defined(__CUDA_ARCH__)
    float power;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x));
    return power;
#else
    return exp2_nonpositive(x);
#endif
  }
  /// e^-magnitude.
  KOKKOS_INLINE_FUNCTION static float exp_of_minus(float magnitude) { return exp2_by_unit(-kLog2E * magnitude); }
  KOKKOS_INLINE_FUNCTION static float reciprocal(float x) {
#if defined(__CUDA_ARCH__)
    float inverse;  // 1 ulp
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(inverse) : "f"(x));
    return inverse;
#else
    return 1.0f / x;
#endif
  }
  // 2^x for x <= 0: the polynomial of detail/lanes.hpp, one number at a time. Below 2^-126 it is 0; NaN stays.
  KOKKOS_INLINE_FUNCTION static float exp2_nonpositive(float x) {
    constexpr float kRounder = 0x1.8p23f;  // a sum with it has round(x) in its lowest bits
    const float shifted = x + kRounder;
    const float f = x - (shifted - kRounder);
    float p = 0.0013264727f;
    p = p * f + 0.009671513f;
    p = p * f + 0.055507336f;
    p = p * f + 0.24022242f;
    p = p * f + 0.693147f;
    p = p * f + 1.0f;
    const std::uint32_t power = __builtin_bit_cast(std::uint32_t, shifted) << 23;
    return x < -126.0f ? 0.0f : __builtin_bit_cast(float, __builtin_bit_cast(std::uint32_t, p) + power);
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
template <class F>
KOKKOS_INLINE_FUNCTION void for_states(const F& f) {
  unrolled<kPass>(f);
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

/// What one channel needs of its direction.
template <class T>
struct Channel {
  using M = Master<T>;
  M bias, d;
  std::size_t e;

  KOKKOS_INLINE_FUNCTION Channel(const ScanDirection<T>& scan, std::size_t channel)
      : bias(scan.delta_bias(channel)), d(scan.d(channel)), e(channel) {}

  KOKKOS_INLINE_FUNCTION M before_softplus(const ScanDirection<T>& scan, std::size_t row) const {
    return static_cast<M>(scan.delta_raw(row, e)) + bias;
  }
  KOKKOS_INLINE_FUNCTION M delta(const ScanDirection<T>& scan, std::size_t row) const {
    return ScanMath<M>::softplus(before_softplus(scan, row));
  }
};

/// kPass numbers of one channel: states, rates, gradients. Those past N are 0 and stay without effect.
template <class M>
struct States {
  M at[kPass];

  KOKKOS_INLINE_FUNCTION M& operator[](int n) { return at[n]; }
  KOKKOS_INLINE_FUNCTION const M& operator[](int n) const { return at[n]; }
  KOKKOS_INLINE_FUNCTION static States zero() {
    States s;
    for (int n = 0; n < kPass; ++n) s.at[n] = 0;
    return s;
  }
  /// from[n * stride] for n < present.
  template <class V>
  KOKKOS_INLINE_FUNCTION static States read(const V* from, std::size_t stride, int present) {
    States s;
    for (int n = 0; n < kPass; ++n)
      s.at[n] = n < present ? static_cast<M>(from[static_cast<std::size_t>(n) * stride]) : M(0);
    return s;
  }
  /// A token's row of B or C, common to all channels: whole 16-byte pieces where it is full and aligned.
  template <class V>
  KOKKOS_INLINE_FUNCTION static States read_row(const V* from, int present) {
    constexpr int kPiece = 16 / static_cast<int>(sizeof(V));
    struct alignas(16) Piece {
      V at[kPiece];
    };
    if (present < kPass || reinterpret_cast<std::uintptr_t>(from) % 16 != 0) return read(from, 1, present);
    States s;
    for (int i = 0; i < kPass / kPiece; ++i) {
      const Piece piece = reinterpret_cast<const Piece*>(from)[i];
      for (int j = 0; j < kPiece; ++j) s.at[i * kPiece + j] = static_cast<M>(piece.at[j]);
    }
    return s;
  }
  KOKKOS_INLINE_FUNCTION void write(M* to, std::size_t stride, int present) const {
    for (int n = 0; n < kPass; ++n)
      if (n < present) to[static_cast<std::size_t>(n) * stride] = at[n];
  }
  KOKKOS_INLINE_FUNCTION static States rates(const View2<const M>& a_log, std::size_t e, std::size_t first,
                                             int present) {
    States s;
    for (int n = 0; n < kPass; ++n)
      s.at[n] = n < present ? ScanMath<M>::rate(a_log(e, first + static_cast<std::size_t>(n))) : M(0);
    return s;
  }
};

/// One or two directions, with the extents of a launch. Work items count channels fastest, so that neighbours read
/// neighbours.
template <class T>
struct ScanProblem {
  static constexpr int kMost = 2;
  ScanDirection<T> direction[kMost];
  int directions;
  std::size_t batch, length, channels, states;

  std::size_t segments() const { return scan_segments(length); }
  KOKKOS_INLINE_FUNCTION int passes() const { return static_cast<int>((states + kPass - 1) / kPass); }
  KOKKOS_INLINE_FUNCTION int present(int pass) const {
    const std::size_t left = states - static_cast<std::size_t>(pass) * kPass;
    return static_cast<int>(left < kPass ? left : kPass);
  }
};

template <class T>
ScanProblem<T> scan_problem(std::span<const ScanDirection<T>> directions, std::size_t batch, std::size_t length) {
  BRAINMT_CHECK(directions.size() >= 1 && directions.size() <= ScanProblem<T>::kMost, "selective scan: {} directions",
                directions.size());
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

/// Where a work item stands: direction, sample, segment, channel.
struct ScanItem {
  std::size_t channel, segment, sample;
  int direction;

  KOKKOS_INLINE_FUNCTION ScanItem(std::size_t index, std::size_t channels, std::size_t segments, std::size_t batch)
      : channel(index % channels),
        segment(index / channels % segments),
        sample(index / (channels * segments) % batch),
        direction(static_cast<int>(index / (channels * segments * batch))) {}
};

}  // namespace brainmt::kernels::portable
