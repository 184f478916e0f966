#pragma once
// Work distribution of the device's scan: a team processes one segment of kTile channels. A member owns kOwnChannels
// channels and kOwnStates states of each: within a warp lanes 4 k .. 4 k + 3 share channels, and lanes k, k + 4, ..
// share states. So a member's states stay in registers, sums over states (y, dx, ddelta) go over 4 lanes and sums over
// channels (dB, dC) over 8, after the member has added up its own.
//
// Per token the team's shared memory holds delta and one further value of each channel, and the rows of B and C. Tokens
// past the end, channels past the last and states past N are zeros there, which leave states and gradients as they are.
#include "kernels/device/scan_math.hpp"
#include "kernels/device/team.hpp"

namespace brainmt::kernels::device {

inline constexpr int kTile = 32;  // channels
inline constexpr int kOwnChannels = 2, kOwnStates = 4;
inline constexpr int kStateGroups = kPass / kOwnStates, kWarpChannels = kTeamLanes / kStateGroups * kOwnChannels;
inline constexpr int kWarps = kTile / kWarpChannels, kMembers = kWarps * kTeamLanes;
inline constexpr int kEvery = kMembers / kTile;  // a member with one channel takes every kEvery-th token
inline constexpr int kStretch = 8, kStretches = kScanSegment / kStretch;  // tokens of one piece of straight code
static_assert(kScanSegment % kStretch == 0 && kMembers % kTile == 0 && kMembers % kPass == 0 && kStretch % kEvery == 0);
static_assert(kOwnStates == kStateGroups && 2 * kOwnStates == kTeamLanes / kStateGroups,
              "a lane ends with one sum of each");

/// kCount numbers read at once.
template <class M, int kCount>
struct alignas(kCount * sizeof(M) < 16 ? kCount * sizeof(M) : 16) Pack {
  M at[kCount];
};
/// A number of each channel of the tile, or of each state, for the tokens of a segment.
template <class M>
using PerChannel = Pack<M, kOwnChannels>[kScanSegment][kTile / kOwnChannels];
template <class M>
using PerState = Pack<M, kOwnStates>[kScanSegment][kStateGroups];

/// A number for each channel and state of a member.
template <class M>
struct OwnStates {
  Pack<M, kOwnStates> of[kOwnChannels];

  KOKKOS_INLINE_FUNCTION M& operator()(int c, int n) { return of[c].at[n]; }
  KOKKOS_INLINE_FUNCTION const M& operator()(int c, int n) const { return of[c].at[n]; }
};
/// f(c, n) for them.
template <class F>
KOKKOS_INLINE_FUNCTION void for_own(const F& f) {
  unrolled<kOwnChannels>([&](auto c) { unrolled<kOwnStates>([&](auto n) { f(c, n); }); });
}
template <class M>
KOKKOS_INLINE_FUNCTION OwnStates<M> zeros() {
  OwnStates<M> own;
  for_own([&](auto c, auto n) { own(c, n) = 0; });
  return own;
}

/// Position of a member in its team.
struct MemberIndex {
  int member, warp, channels, states;  // groups of channels in the tile, of states

  KOKKOS_INLINE_FUNCTION explicit MemberIndex(int rank)
      : member(rank), warp(rank / kTeamLanes), channels(rank / kStateGroups), states(rank % kStateGroups) {}
  KOKKOS_INLINE_FUNCTION int channel(int c) const { return channels * kOwnChannels + c; }
  KOKKOS_INLINE_FUNCTION int state(int n) const { return states * kOwnStates + n; }
};

/// One tile of one segment in one direction.
template <class T>
class ScanTile {
 public:
  using M = Master<T>;

  KOKKOS_INLINE_FUNCTION ScanTile(const ScanProblem<T>& problem, int direction, std::size_t sample, std::size_t index,
                                  int tile, int pass)
      : scan(problem.direction[direction]),
        segment(scan.direction, problem.length, sample, index),
        first_channel_(tile * kTile),
        channels_(static_cast<int>(problem.channels)),
        first_state_(pass * kPass),
        states_(static_cast<int>(problem.states)) {}

  KOKKOS_INLINE_FUNCTION bool exists(int channel) const { return first_channel_ + channel < channels_; }
  /// Its number, or that of another one where it does not exist.
  KOKKOS_INLINE_FUNCTION std::size_t channel(int in_tile) const {
    return static_cast<std::size_t>(first_channel_ + (exists(in_tile) ? in_tile : 0));
  }

  KOKKOS_INLINE_FUNCTION int stretches() const { return (segment.count + kStretch - 1) / kStretch; }

  /// delta, and `second`: `from`, or delta times it. Gives the sum of delta over the member's tokens.
  KOKKOS_INLINE_FUNCTION M stage_channels(int member, PerChannel<M>& delta, PerChannel<M>& second,
                                          const MatrixView<const T>& from, bool times_delta) const {
    const int lane = member % kTile, count = exists(lane) ? segment.count : 0;
    int t = member / kTile;
    Column<const T> raw(scan.delta_raw, segment, channel(lane), t, kEvery), x(from, segment, channel(lane), t, kEvery);
    const M bias = scan.delta_bias(channel(lane));
    M *to = &delta[0][0].at[0] + lane, *and_to = &second[0][0].at[0] + lane, sum = 0;
    for (; t < count; t += kEvery, raw.next(), x.next()) {
      const M now = ScanMath<M>::softplus(static_cast<M>(*raw) + bias);
      to[t * kTile] = now;
      and_to[t * kTile] = times_delta ? now * static_cast<M>(*x) : static_cast<M>(*x);
      sum += now;
    }
    for (; t < kScanSegment; t += kEvery) to[t * kTile] = and_to[t * kTile] = 0;
    return sum;
  }

  /// Rows of B or C.
  KOKKOS_INLINE_FUNCTION void stage_rows(int member, PerState<M>& rows, const MatrixView<const T>& from) const {
    constexpr int kStep = kMembers / kPass;
    const int value = member % kPass, n = first_state_ + value, count = n < states_ ? segment.count : 0;
    int t = member / kPass;
    Column<const T> column(from, segment, n < states_ ? static_cast<std::size_t>(n) : 0, t, kStep);
    M* to = &rows[0][0].at[0] + value;
    for (; t < count; t += kStep, column.next()) to[t * kPass] = static_cast<M>(*column);
    for (; t < kScanSegment; t += kStep) to[t * kPass] = 0;
  }

  /// f(c, n, index in [N, E]) for those of a member's states that exist.
  template <class F>
  KOKKOS_INLINE_FUNCTION void for_entries(const MemberIndex& own_index, const F& f) const {
    for_own([&](auto c, auto n) {
      const int s = first_state_ + own_index.state(n), e = first_channel_ + own_index.channel(c);
      if (s < states_ && e < channels_) f(c, n, s * channels_ + e);
    });
  }
  /// A member's part of [N, E]; 0 for what does not exist.
  KOKKOS_INLINE_FUNCTION OwnStates<M> read(const M* from, const MemberIndex& own_index) const {
    OwnStates<M> own = zeros<M>();
    for_entries(own_index, [&](auto c, auto n, int i) { own(c, n) = from[i]; });
    return own;
  }
  KOKKOS_INLINE_FUNCTION void write(M* to, const OwnStates<M>& own, const MemberIndex& own_index) const {
    for_entries(own_index, [&](auto c, auto n, int i) { to[i] = own(c, n); });
  }
  KOKKOS_INLINE_FUNCTION OwnStates<M> rates(const MemberIndex& own_index) const {
    OwnStates<M> own = zeros<M>();
    for_own([&](auto c, auto n) {
      const int s = first_state_ + own_index.state(n);
      if (s < states_ && exists(own_index.channel(c)))
        own(c, n) = ScanMath<M>::rate(scan.a_log(channel(own_index.channel(c)), static_cast<std::size_t>(s)));
    });
    return own;
  }

  const ScanDirection<T>& scan;
  const Segment segment;

 private:
  int first_channel_, channels_, first_state_, states_;
};

/// One token: s := decay s + u B, with the decays of one pass given back.
template <class M>
KOKKOS_INLINE_FUNCTION void advance(OwnStates<M>& s, OwnStates<M>& decay, const OwnStates<M>& rate,
                                    Pack<M, kOwnChannels> delta, Pack<M, kOwnChannels> u, Pack<M, kOwnStates> b) {
  for_own([&](auto c, auto n) {
    decay(c, n) = ScanMath<M>::decay(delta.at[c] * rate(c, n));
    s(c, n) = decay(c, n) * s(c, n) + u.at[c] * b.at[n];
  });
}

/// Team index -> tile (fastest), segment, sample, direction.
struct TeamGrid {
  int tiles, segments, batch, directions;

  template <class T>
  static TeamGrid of(const ScanProblem<T>& problem, std::size_t segments, std::size_t batch, int directions) {
    return {static_cast<int>((problem.channels + kTile - 1) / kTile), static_cast<int>(segments),
            static_cast<int>(batch), directions};
  }
  int teams() const { return tiles * segments * batch * directions; }
  KOKKOS_INLINE_FUNCTION int tile(int index) const { return index % tiles; }
  KOKKOS_INLINE_FUNCTION int segment(int index) const { return index / tiles % segments; }
  KOKKOS_INLINE_FUNCTION int sample(int index) const { return index / (tiles * segments) % batch; }
  KOKKOS_INLINE_FUNCTION int direction(int index) const { return index / (tiles * segments * batch); }
};

/// state := exp(rate total) state + slot, over `count` segments whose slots lie `step` apart and are replaced by it,
/// `totals` by `stride`; kAhead segments are read before the first of them is needed.
template <class M>
KOKKOS_INLINE_FUNCTION void carry_along(M* slot, std::ptrdiff_t step, const M* total, std::ptrdiff_t stride,
                                        std::size_t count, M rate) {
  constexpr int kAhead = 8;
  M state = 0;
  std::size_t k = 0;
  for (; k + kAhead <= count; k += kAhead, slot += kAhead * step, total += kAhead * stride) {
    M end[kAhead], decay[kAhead];
    unrolled<kAhead>([&](auto i) {
      end[i] = slot[i * step];
      decay[i] = total[i * stride];
    });
    unrolled<kAhead>([&](auto i) {
      state = ScanMath<M>::decay(decay[i] * rate) * state + end[i];
      slot[i * step] = state;
    });
  }
  for (; k < count; ++k, slot += step, total += stride) {
    state = ScanMath<M>::decay(*total * rate) * state + *slot;
    *slot = state;
  }
}

/// from[0] + from[step] + ... in this order; read kAhead at a time.
template <class M>
KOKKOS_INLINE_FUNCTION M sum_in_order(const M* from, std::size_t step, std::size_t count) {
  constexpr int kAhead = 16;
  M sum = 0;
  std::size_t k = 0;
  for (; k + kAhead <= count; k += kAhead, from += kAhead * step) {
    M some[kAhead];
    unrolled<kAhead>([&](auto i) { some[i] = from[i * step]; });
    unrolled<kAhead>([&](auto i) { sum += some[i]; });
  }
  for (; k < count; ++k, from += step) sum += *from;
  return sum;
}

}  // namespace brainmt::kernels::device
