#pragma once
// Backward output pass of one tile of channels over one segment, from the segment's stored initial state and the
// incoming a g. A forward pass stores the state before every kStretch tokens in the team's memory. Then, from the last
// stretch to the first, the stretch's states and decays are recomputed into registers and used by its backward pass.
#include "kernels/device/scan_tile.hpp"

namespace brainmt::kernels::device {

inline constexpr int kRow = 2 * kPass;  // sums over channels of a token: dB of the states, then dC

/// Shared memory of a team.
template <class M>
struct alignas(16) OutputMemoryBwd {
  PerChannel<M> delta, u;
  PerState<M> b, c;
  Pack<M, kOwnStates> front[kStretches - 1][kOwnChannels][kMembers];  // in front of stretches 1, 2, ..
  Pack<M, kOwnChannels> dy[kStretch][kTile / kOwnChannels];           // of one stretch
  M over_states[kWarps][kStretch][kTeamLanes];    // two for each channel: of from_decay rate, of g B
  M over_channels[kWarps][kStretch][kTeamLanes];  // lane 4 i + k: of dB or dC, value i of states 4 k ..
  M parameters[kEvery][2][kTile];                 // dD, dbias
};

/// Some segments of one sample in one direction, one pass over states; team (tile, segment).
template <class T>
struct OutputPassBwd {
  using M = Master<T>;
  ScanProblem<T> problem;
  TeamGrid grid;
  ScanGradients<T> gradients;
  MatrixView<const T> dy;
  const M* arriving;  // [S, N, E] of this direction and sample
  std::size_t sample, first_segment, tokens;
  M* channel_sums;  // [segments, N + 2, E]: dA of each state, then dD and dbias
  M* tile_sums;     // [tiles, tokens, kRow] of one pass
  int direction, pass;

  template <class Team>
  KOKKOS_INLINE_FUNCTION void operator()(const Team& team, int index, OutputMemoryBwd<M>& memory) const;
};

template <class T, class Team>
class TileOutputBwd {
 public:
  using M = Master<T>;

  KOKKOS_INLINE_FUNCTION TileOutputBwd(const OutputPassBwd<T>& launch, const Team& team, int index,
                                       OutputMemoryBwd<M>& memory)
      : in_(launch),
        team_(team),
        memory_(memory),
        number_(static_cast<std::size_t>(launch.grid.segment(index))),
        tile_number_(launch.grid.tile(index)),
        tile_(launch.problem, launch.direction, launch.sample, launch.first_segment + number_, tile_number_,
              launch.pass) {}

  KOKKOS_INLINE_FUNCTION void run() {
    const int last = tile_.stretches() - 1;
    team_.phase([&](int member) {
      start(member, last);
      tile_.stage_channels(member, memory_.delta, memory_.u, tile_.scan.x, true);
      tile_.stage_rows(member, memory_.b, tile_.scan.b);
      tile_.stage_rows(member, memory_.c, tile_.scan.c);
      stage_dy(member, last);
    });
    team_.phase([&](int member) { walk(MemberIndex(member), last); });
    for (int stretch = last; stretch >= 0; --stretch) {
      team_.phase([&](int member) { walk_back(MemberIndex(member), stretch); });
      team_.phase([&](int member) {
        finish_channels(member, stretch);
        finish_rows(member, stretch);
        if (stretch > 0) stage_dy(member, stretch - 1);
      });
    }
    team_.phase([&](int member) { write(MemberIndex(member)); });
    team_.phase([&](int member) { write_channels(member); });
  }

 private:
  /// A member's own. As one of kEvery for channel member % kTile, it takes that channel's tokens from the last to the
  /// first.
  struct Own {
    OwnStates<M> rate, carry, da;
    Column<const T> raw, x, dy;
    Column<T> dx, ddelta_raw;
    M dd, dbias;  // over its tokens
  };

  KOKKOS_INLINE_FUNCTION void start(int member, int last) {
    const MemberIndex own_index(member);
    Own& own = kept_[member];
    const std::size_t per_segment = in_.problem.states * in_.problem.channels;
    own.carry = tile_.read(in_.arriving + (in_.first_segment + number_) * per_segment, own_index);
    own.rate = tile_.rates(own_index);
    own.da = zeros<M>();
    own.dd = own.dbias = 0;
    const std::size_t e = tile_.channel(member % kTile);
    const int t = last * kStretch + kStretch - kEvery + member / kTile;
    own.raw = {tile_.scan.delta_raw, tile_.segment, e, t, -kEvery};
    own.x = {tile_.scan.x, tile_.segment, e, t, -kEvery};
    own.dy = {in_.dy, tile_.segment, e, t, -kEvery};
    own.dx = {in_.gradients.dx, tile_.segment, e, t, -kEvery};
    own.ddelta_raw = {in_.gradients.ddelta_raw, tile_.segment, e, t, -kEvery};
  }

  /// f(t) for a member's tokens of a stretch, where it is one of kEvery for a channel, from the last to the first; t
  /// counts in the stretch.
  template <class F>
  KOKKOS_INLINE_FUNCTION static void for_tokens(int member, const F& f) {
    unrolled<kStretch / kEvery>([&](auto i) { f(kStretch - (i + 1) * kEvery + member / kTile); });
  }

  KOKKOS_INLINE_FUNCTION void stage_dy(int member, int stretch) {
    const int count = tile_.exists(member % kTile) ? tile_.segment.count - stretch * kStretch : 0;
    M* to = &memory_.dy[0][0].at[0] + member % kTile;
    Column<const T>& from = kept_[member].dy;
    for_tokens(member, [&](int t) {
      to[t * kTile] = t < count ? static_cast<M>(*from) : M(0);
      from.next();
    });
  }

  KOKKOS_INLINE_FUNCTION OwnStates<M> stored(const MemberIndex& own_index) const {
    return tile_.read(&tile_.scan.states(in_.sample, in_.first_segment + number_, 0, 0), own_index);
  }

  KOKKOS_INLINE_FUNCTION void step(OwnStates<M>& s, OwnStates<M>& decay, const OwnStates<M>& rate, int t,
                                   const MemberIndex& own_index) const {
    advance(s, decay, rate, memory_.delta[t][own_index.channels], memory_.u[t][own_index.channels],
            memory_.b[t][own_index.states]);
  }

  KOKKOS_INLINE_FUNCTION void walk(const MemberIndex& own_index, int last) {
    const OwnStates<M> rate = kept_[own_index.member].rate;
    OwnStates<M> s = stored(own_index), decay;
    for (int stretch = 0; stretch < last; ++stretch) {
      unrolled<kStretch>([&](auto t) { step(s, decay, rate, stretch * kStretch + t, own_index); });
      unrolled<kOwnChannels>([&](auto c) { memory_.front[stretch][c][own_index.member] = s.of[c]; });
    }
  }

  KOKKOS_INLINE_FUNCTION void walk_back(const MemberIndex& own_index, int stretch) {
    Own& own = kept_[own_index.member];
    OwnStates<M> s, before[kStretch], decay[kStretch];
    if (stretch == 0)
      s = stored(own_index);
    else
      unrolled<kOwnChannels>([&](auto c) { s.of[c] = memory_.front[stretch - 1][c][own_index.member]; });
    unrolled<kStretch>([&](auto t) {
      before[t] = s;
      step(s, decay[t], own.rate, stretch * kStretch + t, own_index);
    });
    unrolled<kStretch>([&](auto back) {
      constexpr int t = kStretch - 1 - back;
      token_back(own, own_index, t, stretch * kStretch + t, decay[t], before[t], s);
      s = before[t];
    });
  }

  // One token, with its decays and the states on either side of it known.
  KOKKOS_INLINE_FUNCTION void token_back(Own& own, const MemberIndex& own_index, int in_stretch, int t,
                                         const OwnStates<M>& decay, const OwnStates<M>& before,
                                         const OwnStates<M>& after) const {
    const auto delta = memory_.delta[t][own_index.channels], u = memory_.u[t][own_index.channels];
    const auto dy = memory_.dy[in_stretch][own_index.channels];
    const auto b = memory_.b[t][own_index.states], c_row = memory_.c[t][own_index.states];
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
    team_.template sum<1>(over_states, own_index.member, memory_.over_states[own_index.warp][in_stretch]);
    team_.template sum<kStateGroups>(over_channels, own_index.member,
                                     memory_.over_channels[own_index.warp][in_stretch]);
  }

  // dx and ddelta of a stretch, from sums over states.
  KOKKOS_INLINE_FUNCTION void finish_channels(int member, int stretch) {
    const int channel = member % kTile, begin = stretch * kStretch;
    const int count = tile_.exists(channel) ? tile_.segment.count - begin : 0;
    Own& own = kept_[member];
    const M bias = tile_.scan.delta_bias(tile_.channel(channel));
    const M d = in_.pass == 0 ? tile_.scan.d(tile_.channel(channel)) : M(0);
    const M* sums = memory_.over_states[channel / kWarpChannels][0] + channel % kWarpChannels * 2;
    const M *delta = &memory_.delta[begin][0].at[0] + channel, *dy = &memory_.dy[0][0].at[0] + channel;
    for_tokens(member, [&](int t) {
      if (t < count) {
        const M x = *own.x, from_rates = sums[t * kTeamLanes], gb = sums[t * kTeamLanes + 1];
        const M slope = ScanMath<M>::sigmoid(static_cast<M>(*own.raw) + bias);
        M ddelta = (from_rates * ScanMath<M>::kPerRate + gb * x) * slope;
        M dx = gb * delta[t * kTile] + d * dy[t * kTile];
        own.dbias += ddelta;
        own.dd += dy[t * kTile] * x;
        if (in_.pass > 0) {
          dx += static_cast<M>(*own.dx);
          ddelta += static_cast<M>(*own.ddelta_raw);
        }
        *own.dx = rounded<T>(dx);
        *own.ddelta_raw = rounded<T>(ddelta);
      }
      own.raw.next();
      own.x.next();
      own.dx.next();
      own.ddelta_raw.next();
    });
  }

  // dB and dC of a stretch over the channels of the tile: the warps' sums, in order.
  KOKKOS_INLINE_FUNCTION void finish_rows(int member, int stretch) const {
    const int value = member % kRow, of_state = value % kPass;
    const int i = value / kPass * kOwnStates + of_state % kOwnStates, lane = i * kStateGroups + of_state / kOwnStates;
    const int begin = stretch * kStretch, count = tile_.segment.count - begin;
    const M* sums = memory_.over_channels[0][0] + lane;
    const std::size_t token = number_ * kScanSegment + static_cast<std::size_t>(begin);
    M* to = in_.tile_sums + (static_cast<std::size_t>(tile_number_) * in_.tokens + token) * kRow + value;
    unrolled<kStretch * kRow / kMembers>([&](auto step) {
      const int t = member / kRow + step * (kMembers / kRow);
      if (t >= count) return;
      M sum = sums[t * kTeamLanes];
      for (int warp = 1; warp < kWarps; ++warp) sum += sums[(warp * kStretch + t) * kTeamLanes];
      to[t * kRow] = sum;
    });
  }

  KOKKOS_INLINE_FUNCTION M* channel_sums() const {
    return in_.channel_sums + number_ * (in_.problem.states + 2) * in_.problem.channels;
  }

  KOKKOS_INLINE_FUNCTION void write(const MemberIndex& own_index) {
    const Own& own = kept_[own_index.member];
    tile_.write(channel_sums(), own.da, own_index);
    memory_.parameters[own_index.member / kTile][0][own_index.member % kTile] = own.dd;
    memory_.parameters[own_index.member / kTile][1][own_index.member % kTile] = own.dbias;
  }

  KOKKOS_INLINE_FUNCTION void write_channels(int member) const {
    if (member >= kTile || !tile_.exists(member)) return;
    M dd = 0, dbias = 0;
    for (int part = 0; part < kEvery; ++part) {
      dd += memory_.parameters[part][0][member];
      dbias += memory_.parameters[part][1][member];
    }
    M* to = channel_sums() + in_.problem.states * in_.problem.channels + tile_.channel(member);
    M& bias = to[in_.problem.channels];
    if (in_.pass == 0) to[0] = dd;
    bias = in_.pass == 0 ? dbias : bias + dbias;
  }

  const OutputPassBwd<T>& in_;
  const Team& team_;
  OutputMemoryBwd<M>& memory_;
  std::size_t number_;
  int tile_number_;
  ScanTile<T> tile_;
  Kept<Own, Team> kept_;
};

template <class T>
template <class Team>
KOKKOS_INLINE_FUNCTION void OutputPassBwd<T>::operator()(const Team& team, int index,
                                                         OutputMemoryBwd<M>& memory) const {
  TileOutputBwd<T, Team>(*this, team, index, memory).run();
}

}  // namespace brainmt::kernels::device
