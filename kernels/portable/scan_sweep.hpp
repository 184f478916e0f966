#pragma once
// The backward scan of one tile of channels through one segment, by a team. A member owns kOwnChannels channels and
// kOwnStates states of each: within a warp lanes 4 k .. 4 k + 3 share channels and lanes k, k + 4, .. share states. So
// a member's part of a walk stays in registers, sums over states (dx, ddelta) go over 4 lanes and sums over channels
// (dB, dC) over 8, after the member has added up its own.
//
// delta and u = delta x of the segment are computed once, and lie in the team's memory with B and C. A walk from the
// stored state keeps the state in front of every kStretch tokens there; then, from the last stretch to the first, one
// more walk keeps states and decays of its tokens, and the walk back uses them. Tokens past the end and channels past
// the last are there as zeros, which leave states and gradients as they are.
#include "kernels/portable/scan_math.hpp"
#include "kernels/portable/team.hpp"

namespace brainmt::kernels::portable {

inline constexpr int kTile = 32;  // channels
inline constexpr int kOwnChannels = 2, kOwnStates = 4;
inline constexpr int kStateGroups = kPass / kOwnStates, kWarpChannels = kLanes / kStateGroups * kOwnChannels;
inline constexpr int kWarps = kTile / kWarpChannels, kMembers = kWarps * kLanes;
inline constexpr int kStretch = 8, kStretches = kScanSegment / kStretch;
inline constexpr int kRow = 2 * kPass;  // sums over channels of a token: dB of the states, then dC
static_assert(kScanSegment % kStretch == 0 && kMembers % kTile == 0 && kStretch * kTile % kMembers == 0);
static_assert(kOwnStates == kStateGroups && 2 * kOwnStates == kLanes / kStateGroups,
              "a lane ends with one sum of each");

/// kCount numbers read at once.
template <class M, int kCount>
struct alignas(kCount * sizeof(M) < 16 ? kCount * sizeof(M) : 16) Pack {
  M at[kCount];
};

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

/// What a team shares.
template <class M>
struct alignas(16) SweepMemory {
  Pack<M, kOwnChannels> delta[kScanSegment][kTile / kOwnChannels], u[kScanSegment][kTile / kOwnChannels];
  Pack<M, kOwnStates> b_c[kScanSegment][kRow / kOwnStates];
  Pack<M, kOwnStates> front[kStretches - 1][kOwnChannels][kMembers];  // in front of stretches 1, 2, ...
  Pack<M, kOwnChannels> dy[kStretch][kTile / kOwnChannels];
  M over_states[kWarps][kStretch][kLanes];    // two for each channel: of from_decay rate, of g B
  M over_channels[kWarps][kStretch][kLanes];  // lane 4 i + k: value i of states 4 k ..: dB of 4 states, dC of 4
  M parameters[kMembers / kTile][2][kTile];   // dD, dbias
};

/// Where a member stands.
struct SweepPlace {
  int member, warp, group, states;  // group: of channels in the tile; states: group of states

  KOKKOS_INLINE_FUNCTION explicit SweepPlace(int rank)
      : member(rank), warp(rank / kLanes), group(rank / kStateGroups), states(rank % kStateGroups) {}
  KOKKOS_INLINE_FUNCTION int channel(int c) const { return group * kOwnChannels + c; }
  KOKKOS_INLINE_FUNCTION int state(int n) const { return states * kOwnStates + n; }
};

/// One launch: segments of one sample in one direction, one pass over states.
template <class T>
struct ScanSweep {
  using M = Master<T>;
  ScanGradients<T> gradients;
  ScanDirection<T> scan;
  Rows<const T> dy;
  const M* arriving;  // [S, N, E] of this direction and sample
  std::size_t length, channels, states, sample, first_segment, tiles, tokens;
  M* channel_sums;  // [segments, N + 2, E]: dA of each state, then dD and dbias
  M* tile_sums;     // [tiles, tokens, kRow] of one pass
  int pass;

  /// Tile `index` % tiles of segment `index` / tiles.
  template <class Team>
  KOKKOS_INLINE_FUNCTION void operator()(const Team& team, std::size_t index, SweepMemory<M>& memory) const;
};

template <class T, class Team>
class TileSweep {
 public:
  using M = Master<T>;

  KOKKOS_INLINE_FUNCTION TileSweep(const ScanSweep<T>& launch, const Team& team, std::size_t index,
                                   SweepMemory<M>& memory)
      : in_(launch),
        team_(team),
        memory_(memory),
        tile_(index % launch.tiles),
        number_(index / launch.tiles),
        segment_(launch.scan.direction, launch.length, launch.sample, launch.first_segment + number_) {}

  KOKKOS_INLINE_FUNCTION void run() {
    const int last = (segment_.count - 1) / kStretch;
    team_.phase([&](int member) {
      stage_channels(member);
      stage_rows(member);
      stage_dy(member, last);
      start(member);
    });
    team_.phase([&](int member) { walk(SweepPlace(member), last); });
    for (int stretch = last; stretch >= 0; --stretch) {
      team_.phase([&](int member) { walk_back(SweepPlace(member), stretch); });
      team_.phase([&](int member) {
        finish_channels(member, stretch);
        finish_rows(member, stretch);
        if (stretch > 0) stage_dy(member, stretch - 1);
      });
    }
    team_.phase([&](int member) { write_states(SweepPlace(member)); });
    team_.phase([&](int member) { write_channels(member); });
  }

 private:
  struct Own {
    OwnStates<M> rate, carry, da;
    M dd, dbias;  // of channel member % kTile, over some of the tokens
  };

  KOKKOS_INLINE_FUNCTION std::size_t channel(int in_tile) const {
    return tile_ * kTile + static_cast<std::size_t>(in_tile);
  }
  KOKKOS_INLINE_FUNCTION std::size_t state(int in_pass) const {
    return static_cast<std::size_t>(in_.pass * kPass + in_pass);
  }
  KOKKOS_INLINE_FUNCTION bool exists(int in_tile) const { return channel(in_tile) < in_.channels; }

  // delta and u of the segment; a member has one channel, and every so manieth token.
  KOKKOS_INLINE_FUNCTION void stage_channels(int member) const {
    const int lane = member % kTile;
    const bool here = exists(lane);
    const Channel<T> mine(in_.scan, here ? channel(lane) : 0);
    for (int t = member / kTile; t < kScanSegment; t += kMembers / kTile) {
      M delta = 0, u = 0;
      if (here && t < segment_.count) {
        const std::size_t row = segment_.row(t);
        delta = mine.delta(in_.scan, row);
        u = delta * static_cast<M>(in_.scan.x(row, mine.e));
      }
      memory_.delta[t][lane / kOwnChannels].at[lane % kOwnChannels] = delta;
      memory_.u[t][lane / kOwnChannels].at[lane % kOwnChannels] = u;
    }
  }

  KOKKOS_INLINE_FUNCTION void stage_rows(int member) const {
    const int value = member % kRow;
    const std::size_t n = state(value % kPass);
    const Rows<const T>& from = value < kPass ? in_.scan.b : in_.scan.c;
    for (int t = member / kRow; t < kScanSegment; t += kMembers / kRow)
      memory_.b_c[t][value / kOwnStates].at[value % kOwnStates] =
          n < in_.states && t < segment_.count ? static_cast<M>(from(segment_.row(t), n)) : M(0);
  }

  KOKKOS_INLINE_FUNCTION void stage_dy(int member, int stretch) const {
    const int lane = member % kTile;
    for (int t = member / kTile; t < kStretch; t += kMembers / kTile) {
      const int token = stretch * kStretch + t;
      memory_.dy[t][lane / kOwnChannels].at[lane % kOwnChannels] =
          exists(lane) && token < segment_.count ? static_cast<M>(in_.dy(segment_.row(token), channel(lane))) : M(0);
    }
  }

  // A number [.., N, E] of each state and channel of a member; 0 for those that do not exist.
  KOKKOS_INLINE_FUNCTION OwnStates<M> read(const M* from, const SweepPlace& place) const {
    OwnStates<M> own;
    for_own([&](auto c, auto n) {
      const std::size_t s = state(place.state(n)), e = channel(place.channel(c));
      own(c, n) = s < in_.states && e < in_.channels ? from[s * in_.channels + e] : M(0);
    });
    return own;
  }
  KOKKOS_INLINE_FUNCTION OwnStates<M> stored(const SweepPlace& place) const {
    return read(&in_.scan.states(in_.sample, in_.first_segment + number_, 0, 0), place);
  }

  KOKKOS_INLINE_FUNCTION void start(int member) {
    const SweepPlace place(member);
    Own& own = kept_[member];
    own.carry = read(in_.arriving + (in_.first_segment + number_) * in_.states * in_.channels, place);
    for_own([&](auto c, auto n) {
      const std::size_t s = state(place.state(n)), e = channel(place.channel(c));
      own.rate(c, n) = s < in_.states && e < in_.channels ? ScanMath<M>::rate(in_.scan.a_log(e, s)) : M(0);
      own.da(c, n) = 0;
    });
    own.dd = own.dbias = 0;
  }

  // One token: s := decay s + u B.
  KOKKOS_INLINE_FUNCTION void advance(OwnStates<M>& s, OwnStates<M>& decay, const OwnStates<M>& rate, int t,
                                      const SweepPlace& place) const {
    const auto delta = memory_.delta[t][place.group], u = memory_.u[t][place.group];
    const auto b = memory_.b_c[t][place.states];
    for_own([&](auto c, auto n) {
      decay(c, n) = ScanMath<M>::template decay<0>(delta.at[c] * rate(c, n));
      s(c, n) = decay(c, n) * s(c, n) + u.at[c] * b.at[n];
    });
  }

  KOKKOS_INLINE_FUNCTION void walk(const SweepPlace& place, int last) {
    const OwnStates<M> rate = kept_[place.member].rate;
    OwnStates<M> s = stored(place), decay;
    for (int stretch = 0; stretch < last; ++stretch) {
      unrolled<kStretch>([&](auto t) { advance(s, decay, rate, stretch * kStretch + t, place); });
      unrolled<kOwnChannels>([&](auto c) { memory_.front[stretch][c][place.member] = s.of[c]; });
    }
  }

  KOKKOS_INLINE_FUNCTION void walk_back(const SweepPlace& place, int stretch) {
    Own& own = kept_[place.member];
    OwnStates<M> s, before[kStretch], decay[kStretch];
    if (stretch == 0)
      s = stored(place);
    else
      unrolled<kOwnChannels>([&](auto c) { s.of[c] = memory_.front[stretch - 1][c][place.member]; });
    unrolled<kStretch>([&](auto t) {
      before[t] = s;
      advance(s, decay[t], own.rate, stretch * kStretch + t, place);
    });
    unrolled<kStretch>([&](auto back) {
      constexpr int t = kStretch - 1 - back;
      token_back(own, place, t, stretch * kStretch + t, decay[t], before[t], s);
      s = before[t];
    });
  }

  // One token, with its decays and the states on either side of it known.
  KOKKOS_INLINE_FUNCTION void token_back(Own& own, const SweepPlace& place, int in_stretch, int t,
                                         const OwnStates<M>& decay, const OwnStates<M>& before,
                                         const OwnStates<M>& after) const {
    const auto delta = memory_.delta[t][place.group], u = memory_.u[t][place.group];
    const auto dy = memory_.dy[in_stretch][place.group];
    const auto b = memory_.b_c[t][place.states], c_row = memory_.b_c[t][kStateGroups + place.states];
    M over_states[2 * kOwnChannels] = {}, over_channels[2 * kOwnStates] = {};
    for_own([&](auto c, auto n) {
      const M g = dy.at[c] * c_row.at[n] + own.carry(c, n);
      own.carry(c, n) = decay(c, n) * g;
      const M from_decay = own.carry(c, n) * before(c, n);  // dL / d (delta A)
      own.da(c, n) += from_decay * delta.at[c];
      over_states[2 * c] += from_decay * own.rate(c, n);
      over_states[2 * c + 1] += g * b.at[n];
      over_channels[n] += g * u.at[c];
      over_channels[kOwnStates + n] += dy.at[c] * after(c, n);
    });
    team_.template sum<1>(over_states, place.member, memory_.over_states[place.warp][in_stretch]);
    team_.template sum<kStateGroups>(over_channels, place.member, memory_.over_channels[place.warp][in_stretch]);
  }

  // dx and ddelta of a stretch, from sums over states.
  KOKKOS_INLINE_FUNCTION void finish_channels(int member, int stretch) {
    const int lane = member % kTile;
    if (!exists(lane)) return;
    Own& own = kept_[member];
    const Channel<T> mine(in_.scan, channel(lane));
    for (int in_stretch = member / kTile; in_stretch < kStretch; in_stretch += kMembers / kTile) {
      const int t = stretch * kStretch + in_stretch;
      if (t >= segment_.count) continue;
      const std::size_t row = segment_.row(t);
      const M x = in_.scan.x(row, mine.e), dy = memory_.dy[in_stretch][lane / kOwnChannels].at[lane % kOwnChannels];
      const M* sums = memory_.over_states[lane / kWarpChannels][in_stretch] + lane % kWarpChannels * 2;
      const M from_rates = sums[0], gb = sums[1];
      const M slope = ScanMath<M>::sigmoid(mine.before_softplus(in_.scan, row));
      M ddelta = (from_rates * ScanMath<M>::kPerRate + gb * x) * slope;
      M dx = gb * memory_.delta[t][lane / kOwnChannels].at[lane % kOwnChannels];
      own.dbias += ddelta;
      T &dx_out = in_.gradients.dx(row, mine.e), &ddelta_out = in_.gradients.ddelta_raw(row, mine.e);
      if (in_.pass == 0) {
        own.dd += dy * x;
        dx += mine.d * dy;
      } else {
        dx += static_cast<M>(dx_out);
        ddelta += static_cast<M>(ddelta_out);
      }
      dx_out = static_cast<T>(dx);
      ddelta_out = static_cast<T>(ddelta);
    }
  }

  // dB and dC of a stretch over the channels of the tile: the warps' sums, in order.
  KOKKOS_INLINE_FUNCTION void finish_rows(int member, int stretch) const {
    const int value = member % kRow, of_state = value % kPass;
    const int i = value / kPass * kOwnStates + of_state % kOwnStates, lane = i * kStateGroups + of_state / kOwnStates;
    M* to = in_.tile_sums + (tile_ * in_.tokens + number_ * kScanSegment) * kRow + value;
    for (int in_stretch = member / kRow; in_stretch < kStretch; in_stretch += kMembers / kRow) {
      const int t = stretch * kStretch + in_stretch;
      if (t >= segment_.count) continue;
      M sum = memory_.over_channels[0][in_stretch][lane];
      for (int warp = 1; warp < kWarps; ++warp) sum += memory_.over_channels[warp][in_stretch][lane];
      to[t * kRow] = sum;
    }
  }

  KOKKOS_INLINE_FUNCTION M* channel_sums() const {
    return in_.channel_sums + number_ * (in_.states + 2) * in_.channels;
  }

  KOKKOS_INLINE_FUNCTION void write_states(const SweepPlace& place) {
    const Own& own = kept_[place.member];
    for_own([&](auto c, auto n) {
      const std::size_t s = state(place.state(n)), e = channel(place.channel(c));
      if (s < in_.states && e < in_.channels) channel_sums()[s * in_.channels + e] = own.da(c, n);
    });
    memory_.parameters[place.member / kTile][0][place.member % kTile] = own.dd;
    memory_.parameters[place.member / kTile][1][place.member % kTile] = own.dbias;
  }

  KOKKOS_INLINE_FUNCTION void write_channels(int member) const {
    if (member >= kTile || !exists(member)) return;
    M dd = 0, dbias = 0;
    for (int part = 0; part < kMembers / kTile; ++part) {
      dd += memory_.parameters[part][0][member];
      dbias += memory_.parameters[part][1][member];
    }
    M* to = channel_sums() + in_.states * in_.channels + channel(member);
    to[0] = in_.pass == 0 ? dd : to[0] + dd;
    to[in_.channels] = in_.pass == 0 ? dbias : to[in_.channels] + dbias;
  }

  const ScanSweep<T>& in_;
  const Team& team_;
  SweepMemory<M>& memory_;
  std::size_t tile_, number_;
  Segment segment_;
  Kept<Own, Team> kept_;
};

template <class T>
template <class Team>
KOKKOS_INLINE_FUNCTION void ScanSweep<T>::operator()(const Team& team, std::size_t index,
                                                     SweepMemory<M>& memory) const {
  TileSweep<T, Team>(*this, team, index, memory).run();
}

}  // namespace brainmt::kernels::portable
