#pragma once
// Local scan and chunk carry, forward or backward in time; the output pass follows.
//   local scan    each segment from 0: its final state (forward), or a g before its first token, the gradient passed to
//                 the previous segment (backward); and the sum of its delta
//   chunk carry   combines these from segment to segment; exact, because decays multiply
#include "kernels/detail/scratch.hpp"
#include "kernels/device/scan_tile.hpp"

namespace brainmt::kernels::device {

/// Shared memory of a team.
template <class M>
struct alignas(16) LocalScanMemory {
  PerChannel<M> delta, second;  // u forward, dy back
  PerState<M> rows;             // B forward, C back
  M totals[kEvery][kTile];
};

/// Team (tile, k, sample, direction): segment k forward, or segment k + 1 backward. Its result is stored with the
/// segment that needs it.
template <class T, bool kForward>
struct LocalScan {
  using M = Master<T>;
  ScanProblem<T> problem;
  TeamGrid grid;
  MatrixView<const T> dy;  // back
  M* arriving;             // [direction, B, S, N, E], back; forward it is `states` of the direction
  M* totals;               // [direction, B, S - 1, E]
  int pass;

  template <class Team>
  KOKKOS_INLINE_FUNCTION void operator()(const Team& team, int index, LocalScanMemory<M>& memory) const {
    const int sample = grid.sample(index), number = grid.segment(index), direction = grid.direction(index);
    const ScanTile<T> tile(problem, direction, static_cast<std::size_t>(sample),
                           static_cast<std::size_t>(number + (kForward ? 0 : 1)), grid.tile(index), pass);
    const auto sequence = static_cast<std::size_t>(direction * grid.batch + sample);
    team.phase([&](int member) {
      memory.totals[member / kTile][member % kTile] =
          tile.stage_channels(member, memory.delta, memory.second, kForward ? tile.scan.x : dy, kForward);
      tile.stage_rows(member, memory.rows, kForward ? tile.scan.b : tile.scan.c);
    });
    M* to = kForward ? &tile.scan.states(static_cast<std::size_t>(sample), static_cast<std::size_t>(number + 1), 0, 0)
                     : arriving + (sequence * problem.segments() + static_cast<std::size_t>(number)) * problem.states *
                                      problem.channels;
    M* total = totals + (sequence * static_cast<std::size_t>(grid.segments) + static_cast<std::size_t>(number)) *
                            problem.channels;
    team.phase([&](int member) {
      walk(tile, memory, MemberIndex(member), to);
      if (member < kTile && tile.exists(member)) {
        M sum = memory.totals[0][member];
        for (int part = 1; part < kEvery; ++part) sum += memory.totals[part][member];
        total[tile.channel(member)] = sum;
      }
    });
  }

 private:
  KOKKOS_INLINE_FUNCTION static void walk(const ScanTile<T>& tile, const LocalScanMemory<M>& memory,
                                          const MemberIndex& own_index, M* to) {
    const OwnStates<M> rate = tile.rates(own_index);
    OwnStates<M> s = zeros<M>(), decay;
    const int stretches = tile.stretches();
    for (int i = 0; i < stretches; ++i) {
      const int begin = (kForward ? i : stretches - 1 - i) * kStretch;
      unrolled<kStretch>([&](auto step) {
        const int t = begin + (kForward ? step : kStretch - 1 - step);
        const auto delta = memory.delta[t][own_index.channels], second = memory.second[t][own_index.channels];
        const auto row = memory.rows[t][own_index.states];
        if constexpr (kForward)
          advance(s, decay, rate, delta, second, row);
        else
          for_own([&](auto c, auto n) {
            s(c, n) = ScanMath<M>::decay(delta.at[c] * rate(c, n)) * (second.at[c] * row.at[n] + s(c, n));
          });
      });
    }
    tile.write(to, s, own_index);
  }
};

/// One work item for each direction, sample, state and channel: from the first segment on, or from the last one back.
template <class T, bool kForward>
struct ChunkCarry {
  using M = Master<T>;
  ScanProblem<T> problem;
  M* arriving;
  const M* totals;

  KOKKOS_FUNCTION void operator()(std::size_t index) const {
    const std::size_t segments = problem.segments(), per_segment = problem.states * problem.channels;
    const std::size_t entry = index % per_segment, sequence = index / per_segment, e = entry % problem.channels;
    const ScanDirection<T>& scan = problem.direction[sequence / problem.batch];
    M* slot =
        (kForward ? &scan.states(sequence % problem.batch, 0, 0, 0) : arriving + sequence * segments * per_segment) +
        entry;
    const M* total = totals + sequence * (segments - 1) * problem.channels + e;
    const auto step = static_cast<std::ptrdiff_t>(per_segment), stride = static_cast<std::ptrdiff_t>(problem.channels);
    const auto last = static_cast<std::ptrdiff_t>(segments - 1);
    const M rate = ScanMath<M>::rate(scan.a_log(e, entry / problem.channels));
    slot[kForward ? 0 : last * step] = 0;
    if (kForward)
      carry_along(slot + step, step, total, stride, segments - 1, rate);
    else if (last > 0)
      carry_along(slot + (last - 1) * step, -step, total + (last - 1) * stride, -stride, segments - 1, rate);
  }
};

/// Both steps, for all directions and samples.
template <bool kForward, class T>
void join_segments(const Exec& exec, const ScanProblem<T>& problem, MatrixView<const T> dy, Master<T>* arriving) {
  using M = Master<T>;
  const std::string label = std::string("brainmt::selective_scan::") + (kForward ? "fwd" : "bwd");
  const TeamGrid grid = TeamGrid::of(problem, problem.segments() - 1, problem.batch, problem.directions);
  const detail::Scratch<M> totals(static_cast<std::size_t>(grid.segments * grid.batch * grid.directions) *
                                  problem.channels);
  for (int pass = 0; pass < problem.passes(); ++pass)
    for_each_team<LocalScanMemory<M>, kMembers>(
        exec, label + "_local", grid.teams(), LocalScan<T, kForward>{problem, grid, dy, arriving, totals.data(), pass});
  detail::for_each(exec, label + "_carry",
                   static_cast<std::size_t>(grid.directions * grid.batch) * problem.states * problem.channels,
                   ChunkCarry<T, kForward>{problem, arriving, totals.data()});
}

}  // namespace brainmt::kernels::device
