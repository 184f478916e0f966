#pragma once
// Forward output pass of one tile of channels over one segment, from its true initial state: y. Sums over states of two
// tokens and two channels go over 4 lanes together, so that each lane ends with one of them.
#include "kernels/device/scan_tile.hpp"

namespace brainmt::kernels::device {

/// Shared memory of a team.
template <class M>
struct alignas(16) OutputMemoryFwd {
  PerChannel<M> delta, u;
  PerState<M> b, c;
  M over_states[kScanSegment / 2][kWarps][kTeamLanes];  // [pair of tokens]: for each group of channels token, channel
};

/// One direction and one pass over states; team (tile, segment, sample).
template <class T>
struct OutputPassFwd {
  using M = Master<T>;
  ScanProblem<T> problem;
  TeamGrid grid;
  MatrixView<T> y;
  int direction, pass;

  template <class Team>
  KOKKOS_INLINE_FUNCTION void operator()(const Team& team, int index, OutputMemoryFwd<M>& memory) const {
    const auto sample = static_cast<std::size_t>(grid.sample(index)),
               number = static_cast<std::size_t>(grid.segment(index));
    const ScanTile<T> tile(problem, direction, sample, number, grid.tile(index), pass);
    team.phase([&](int member) {
      tile.stage_channels(member, memory.delta, memory.u, tile.scan.x, true);
      tile.stage_rows(member, memory.b, tile.scan.b);
      tile.stage_rows(member, memory.c, tile.scan.c);
    });
    team.phase(
        [&](int member) { walk(team, tile, memory, MemberIndex(member), &tile.scan.states(sample, number, 0, 0)); });
    team.phase([&](int member) { finish(tile, memory, member); });
  }

 private:
  template <class Team>
  KOKKOS_INLINE_FUNCTION static void walk(const Team& team, const ScanTile<T>& tile, OutputMemoryFwd<M>& memory,
                                          const MemberIndex& own_index, const M* stored) {
    static_assert(2 * kOwnChannels == kStateGroups);
    const OwnStates<M> rate = tile.rates(own_index);
    OwnStates<M> s = tile.read(stored, own_index), decay;
    const int stretches = tile.stretches();
    for (int stretch = 0; stretch < stretches; ++stretch)
      unrolled<kStretch / 2>([&](auto pair) {
        const int first = stretch * kStretch + 2 * pair;
        M sums[2 * kOwnChannels] = {};
        unrolled<2>([&](auto i) {
          const int t = first + i;
          advance(s, decay, rate, memory.delta[t][own_index.channels], memory.u[t][own_index.channels],
                  memory.b[t][own_index.states]);
          const auto row = memory.c[t][own_index.states];
          for_own([&](auto c, auto n) { sums[kOwnChannels * i + c] += row.at[n] * s(c, n); });
        });
        team.template sum<1>(sums, own_index.member, memory.over_states[first / 2][own_index.warp]);
      });
  }

  KOKKOS_INLINE_FUNCTION void finish(const ScanTile<T>& tile, const OutputMemoryFwd<M>& memory, int member) const {
    const int channel = member % kTile;
    if (!tile.exists(channel)) return;
    int t = member / kTile;
    Column<const T> x(tile.scan.x, tile.segment, tile.channel(channel), t, kEvery);
    Column<T> out(y, tile.segment, tile.channel(channel), t, kEvery);
    const M d = pass == 0 ? tile.scan.d(tile.channel(channel)) : M(0);
    const int lane = channel % kWarpChannels / kOwnChannels * kStateGroups + channel % kOwnChannels;
    const bool more = pass > 0 || direction > 0;
    for (; t < tile.segment.count; t += kEvery, x.next(), out.next()) {
      const M sum =
          memory.over_states[t / 2][channel / kWarpChannels][lane + t % 2 * kOwnChannels] + d * static_cast<M>(*x);
      *out = rounded<T>(more ? static_cast<M>(*out) + sum : sum);
    }
  }
};

}  // namespace brainmt::kernels::device
