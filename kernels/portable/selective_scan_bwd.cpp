// Backward selective scan (formulas: kernels/ref/selective_scan.hpp), one work item a channel and segment. As forward,
// but time runs back, and what travels is a g, the gradient that reaches the state in front of a token:
//
//   ends    every segment from a g of 0 behind it: what leaves it at its front, and the sum of its delta
//   carry   from the last segment to the first: a g := exp(A sum of delta) a g + what leaves
//   sweep   every segment with what truly arrives: gradients of the inputs, and sums over its tokens of the others
//   sums    dB, dC over tiles of channels and dA_log, dD, dbias over segments, in order: no atomics
//
// A sweep needs the states of its tokens in reverse. It walks from the stored state once, keeping the state in front of
// every kStretch tokens, and again through one stretch at a time, keeping all of that.
#include <algorithm>

#include "base/error.hpp"
#include "kernels/detail/loops.hpp"
#include "kernels/detail/scratch.hpp"
#include "kernels/detail/work.hpp"
#include "kernels/portable/channel_sums.hpp"
#include "kernels/portable/scan_math.hpp"

namespace brainmt::kernels {
namespace {

using namespace portable;

constexpr int kStretch = 8, kStretches = kScanSegment / kStretch;
constexpr std::size_t kMostSegments =
    1024;  // of one sweep: its partial sums of dB, dC are 256 MiB in float at E = 1024
static_assert(kScanSegment % kStretch == 0 && 2 * kPass == kTile, "a lane for each state of dB and of dC");

template <class T>
struct SegmentEnds {
  ScanProblem<T> problem;
  Rows<const T> dy;
  std::size_t segments;
  View1<Master<T>> arriving;  // [direction, B, S, N, E]: this segment's slot is that of the segment in front of it
  View1<Master<T>> totals;    // [direction, B, S - 1, E], of the segments 1 .. S - 1

  KOKKOS_FUNCTION void operator()(std::size_t index) const {
    using M = Master<T>;
    const ScanItem item(index, problem.channels, segments - 1, problem.batch);
    const ScanDirection<T>& scan = problem.direction[item.direction];
    const Segment segment(scan.direction, problem.length, item.sample, item.segment + 1);
    const Channel<T> channel(scan, item.channel);
    const std::size_t sample = static_cast<std::size_t>(item.direction) * problem.batch + item.sample;
    M total = 0;
    for (int pass = 0; pass < problem.passes(); ++pass) {
      const int present = problem.present(pass);
      const std::size_t first = static_cast<std::size_t>(pass) * kPass;
      const auto rate = States<M>::rates(scan.a_log, item.channel, first, present);
      auto carry = States<M>::zero();
      total = 0;
      for (int t = segment.count; t-- > 0;) {
        const std::size_t row = segment.row(t);
        const M delta = channel.delta(scan, row), gradient = dy(row, item.channel);
        const auto c = States<M>::read_row(&scan.c(row, first), present);
        total += delta;
        for_states(
            [&](auto n) { carry[n] = ScanMath<M>::template decay<n>(delta * rate[n]) * (gradient * c[n] + carry[n]); });
      }
      M* slot = arriving.data() + ((sample * segments + item.segment) * problem.states + first) * problem.channels +
                item.channel;
      carry.write(slot, problem.channels, present);
    }
    totals(index) = total;
  }
};

template <class T>
struct CarryGradients {
  ScanProblem<T> problem;
  std::size_t segments;
  View1<Master<T>> arriving;
  View1<const Master<T>> totals;

  KOKKOS_FUNCTION void operator()(std::size_t index) const {
    using M = Master<T>;
    const ScanItem item(index, problem.channels, problem.states, problem.batch);  // "segment" counts states here
    const std::size_t sample = static_cast<std::size_t>(item.direction) * problem.batch + item.sample;
    const M rate = ScanMath<M>::rate(problem.direction[item.direction].a_log(item.channel, item.segment));
    const std::size_t step = problem.states * problem.channels;
    M* slot = arriving.data() + (sample * segments * problem.states + item.segment) * problem.channels + item.channel;
    const M* total = totals.data() + sample * (segments - 1) * problem.channels + item.channel;
    M carry = 0;
    slot[(segments - 1) * step] = carry;
    for (std::size_t k = segments - 1; k-- > 0;) {
      carry = ScanMath<M>::template decay<1>(total[k * problem.channels] * rate) * carry + slot[k * step];
      slot[k * step] = carry;
    }
  }
};

/// Sums of one channel over the tokens of a segment; rows of [.., N + 2, E]: dA of each state, then dD and dbias.
template <class T>
struct SweepSegments {
  using M = Master<T>;
  ScanGradients<T> gradients;
  ScanDirection<T> scan;
  ScanProblem<T> problem;
  Rows<const T> dy;
  const M* arriving;  // [S, N, E] of this direction and sample
  std::size_t sample, first_segment, tiles, tokens;
  M* channel_sums;  // [segments, N + 2, E]
  M* tile_sums;     // [tiles, tokens, kTile] of one pass: dB of its states, then dC
  int pass;

  KOKKOS_FUNCTION void operator()(std::size_t index) const {
    const std::size_t tile = tile_of(index) % tiles, number = tile_of(index) / tiles;
    for_lanes(index, [&](std::size_t lane) {
      const std::size_t channel = tile * kTile + lane;
      const TileSums<M> sums(tile_sums + (tile * tokens + number * kScanSegment) * kTile, lane);
      // Lanes past the last channel go along, so that a warp stays together, and add nothing.
      const bool exists = channel < problem.channels;
      sweep(exists ? channel : problem.channels - 1, exists, number, sums);
    });
  }

 private:
  struct Token {
    M x, delta, u, dy;
    States<M> b;
  };

  KOKKOS_INLINE_FUNCTION Token token(const Channel<T>& channel, std::size_t row, int present) const {
    Token token;
    token.x = scan.x(row, channel.e);
    token.delta = channel.delta(scan, row);
    token.u = token.delta * token.x;
    token.dy = dy(row, channel.e);
    token.b = States<M>::read_row(&scan.b(row, static_cast<std::size_t>(pass) * kPass), present);
    return token;
  }

  KOKKOS_INLINE_FUNCTION void advance(States<M>& state, const States<M>& rate, const Token& token) const {
    for_states([&](auto n) {
      state[n] = ScanMath<M>::template decay<n>(token.delta * rate[n]) * state[n] + token.u * token.b[n];
    });
  }

  KOKKOS_INLINE_FUNCTION void sweep(std::size_t e, bool exists, std::size_t number, const TileSums<M>& sums) const {
    const int present = problem.present(pass);
    const std::size_t first = static_cast<std::size_t>(pass) * kPass, index = first_segment + number;
    const Segment segment(scan.direction, problem.length, sample, index);
    const Channel<T> channel(scan, e);
    const auto rate = States<M>::rates(scan.a_log, e, first, present);
    States<M> front[kStretches];  // the state in front of each stretch
    auto state = States<M>::read(&scan.states(sample, index, first, e), problem.channels, present);
    for (int t = 0; t < segment.count; ++t) {
      if (t % kStretch == 0) front[t / kStretch] = state;
      advance(state, rate, token(channel, segment.row(t), present));
    }
    auto carry =
        States<M>::read(arriving + (index * problem.states + first) * problem.channels + e, problem.channels, present);
    auto da = States<M>::zero();
    M dd = 0, dbias = 0;
    for (int stretch = (segment.count - 1) / kStretch; stretch >= 0; --stretch) {
      const int begin = stretch * kStretch;
      const int end = segment.count < begin + kStretch ? segment.count : begin + kStretch;
      States<M> before[kStretch + 1];  // [t - begin]: the state in front of token t
      before[0] = front[stretch];
      for (int t = begin; t < end; ++t) {
        before[t - begin + 1] = before[t - begin];
        advance(before[t - begin + 1], rate, token(channel, segment.row(t), present));
      }
      for (int t = end; t-- > begin;)
        back(channel, exists, segment.row(t), t, rate, before[t - begin], before[t - begin + 1], present, carry, da, dd,
             dbias, sums);
    }
    if (exists) {
      M* to = channel_sums + number * (problem.states + 2) * problem.channels + e;
      da.write(to + first * problem.channels, problem.channels, present);
      if (pass == 0) to[problem.states * problem.channels] = dd;
      M& bias = to[(problem.states + 1) * problem.channels];
      bias = pass == 0 ? dbias : bias + dbias;
    }
  }

  // One token, the states on either side of it known.
  KOKKOS_INLINE_FUNCTION void back(const Channel<T>& channel, bool exists, std::size_t row, int t,
                                   const States<M>& rate, const States<M>& before, const States<M>& after, int present,
                                   States<M>& carry, States<M>& da, M& dd, M& dbias, const TileSums<M>& sums) const {
    const Token now = token(channel, row, present);
    const auto c = States<M>::read_row(&scan.c(row, static_cast<std::size_t>(pass) * kPass), present);
    M dx = pass == 0 ? channel.d * now.dy : M(0), rate_sum = 0, gb = 0;
    M db_dc[kTile];
    for_states([&](auto n) {
      const M g = now.dy * c[n] + carry[n];
      carry[n] = ScanMath<M>::template decay<n>(now.delta * rate[n]) * g;
      const M from_decay = carry[n] * before[n];  // dL / d (delta A)
      da[n] += from_decay * now.delta;
      rate_sum += from_decay * rate[n];
      gb += g * now.b[n];
      db_dc[n] = exists ? g * now.u : M(0);
      db_dc[kPass + n] = exists ? now.dy * after[n] : M(0);
    });
    sums.add(static_cast<std::size_t>(t), db_dc);
    if (exists) {
      const M raw = channel.before_softplus(scan, row);
      const M ddelta = (rate_sum * ScanMath<M>::kPerRate + gb * now.x) * ScanMath<M>::sigmoid(raw);
      dx += gb * now.delta;
      T &dx_out = gradients.dx(row, channel.e), &ddelta_out = gradients.ddelta_raw(row, channel.e);
      dx_out = static_cast<T>(pass == 0 ? dx : static_cast<M>(dx_out) + dx);
      ddelta_out = static_cast<T>(pass == 0 ? ddelta : static_cast<M>(ddelta_out) + ddelta);
      dd += now.dy * now.x;
      dbias += ddelta;
    }
  }
};

/// db and dc of the tokens of a sweep: the tiles' sums, in order.
template <class T>
struct SumTiles {
  using M = Master<T>;
  ScanGradients<T> gradients;
  ScanDirection<T> scan;
  ScanProblem<T> problem;
  std::size_t sample, first_segment, tiles, tokens;
  const M* tile_sums;
  int pass;

  KOKKOS_FUNCTION void operator()(std::size_t index) const {
    const std::size_t value = index % kTile, token = index / kTile;
    const std::size_t state = static_cast<std::size_t>(pass) * kPass + value % kPass;
    if (state >= problem.states) return;
    M sum = 0;
    for (std::size_t tile = 0; tile < tiles; ++tile) sum += tile_sums[(tile * tokens + token) * kTile + value];
    const Segment segment(scan.direction, problem.length, sample, first_segment + token / kScanSegment);
    (value < kPass ? gradients.db : gradients.dc)(segment.row(static_cast<int>(token % kScanSegment)), state) =
        static_cast<T>(sum);
  }
};

/// Parameter gradients of one channel: its sums over segments, in order; one work item a row of [N + 2, E].
template <class T>
struct SumSegments {
  using M = Master<T>;
  ScanGradients<T> gradients;
  View2<const M> a_log;
  std::size_t channels, states, segments;
  const M* channel_sums;

  KOKKOS_FUNCTION void operator()(std::size_t index) const {
    const std::size_t e = index % channels, row = index / channels, step = (states + 2) * channels;
    M sum = 0;
    for (std::size_t k = 0; k < segments; ++k) sum += channel_sums[k * step + index];
    if (row < states)
      gradients.da_log(e, row) -= (ScanMath<M>::rate(a_log(e, row)) * -ScanMath<M>::kPerRate) * sum;
    else
      (row == states ? gradients.dd : gradients.ddelta_bias)(e) += sum;
  }
};

/// The sweep over one sample in one direction, kMostSegments segments at a time, and its sums.
template <class T>
void sweep_sample(const Exec& exec, const ScanGradients<T>& gradients, const ScanProblem<T>& problem, int direction,
                  std::size_t sample, Rows<const T> dy, const Master<T>* arriving) {
  using M = Master<T>;
  const ScanDirection<T>& scan = problem.direction[direction];
  const std::size_t tiles = (problem.channels + kTile - 1) / kTile, all = problem.segments();
  const std::size_t most = std::min(all, kMostSegments), capacity = most * kScanSegment, rows = problem.states + 2;
  const detail::Scratch<M> channel_sums(most * rows * problem.channels), tile_sums(tiles * capacity * kTile);
  for (std::size_t first = 0; first < all; first += kMostSegments) {
    const std::size_t segments = std::min(all - first, kMostSegments);
    const std::size_t tokens = std::min(problem.length - first * kScanSegment, segments * kScanSegment);
    for (int pass = 0; pass < problem.passes(); ++pass) {
      detail::for_each(exec, "brainmt::selective_scan::bwd", tile_items(tiles * segments),
                       SweepSegments<T>{gradients, scan, problem, dy, arriving, sample, first, tiles, capacity,
                                        channel_sums.data(), tile_sums.data(), pass});
      detail::for_each(exec, "brainmt::selective_scan::bwd_sum_tiles", tokens * kTile,
                       SumTiles<T>{gradients, scan, problem, sample, first, tiles, capacity, tile_sums.data(), pass});
    }
    detail::for_each(
        exec, "brainmt::selective_scan::bwd_sum_segments", rows * problem.channels,
        SumSegments<T>{gradients, scan.a_log, problem.channels, problem.states, segments, channel_sums.data()});
  }
}

}  // namespace

template <class T>
void selective_scan_bwd(const Exec& exec, std::span<const ScanGradients<T>> gradients, Rows<const T> dy,
                        std::span<const ScanDirection<T>> directions, std::size_t batch, std::size_t length) {
  using M = Master<T>;
  BRAINMT_CHECK(gradients.size() == directions.size(), "selective scan: {} gradients for {} directions",
                gradients.size(), directions.size());
  const profile::Region region("brainmt::selective_scan::bwd", detail::scan_bwd_work(directions));
  const ScanProblem<T> problem = scan_problem(directions, batch, length);
  const std::size_t segments = problem.segments(), ways = directions.size(), channels = problem.channels;
  const std::size_t per_sample = segments * problem.states * channels;
  const detail::Scratch<M> arriving(ways * batch * per_sample), totals(ways * batch * (segments - 1) * channels);
  detail::for_each(exec, "brainmt::selective_scan::bwd_ends", totals.count(),
                   SegmentEnds<T>{problem, dy, segments, arriving.flat(), totals.flat()});
  detail::for_each(exec, "brainmt::selective_scan::bwd_carry", ways * batch * problem.states * channels,
                   CarryGradients<T>{problem, segments, arriving.flat(), totals.flat()});
  for (int i = 0; i < problem.directions; ++i)
    for (std::size_t sample = 0; sample < batch; ++sample)
      sweep_sample(exec, gradients[static_cast<std::size_t>(i)], problem, i, sample, dy,
                   arriving.data() + (static_cast<std::size_t>(i) * batch + sample) * per_sample);
}

#define BRAINMT_INSTANTIATE(T)                                                                       \
  template void selective_scan_bwd<T>(const Exec&, std::span<const ScanGradients<T>>, Rows<const T>, \
                                      std::span<const ScanDirection<T>>, std::size_t, std::size_t);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(bf16)
BRAINMT_INSTANTIATE(double)
#undef BRAINMT_INSTANTIATE

}  // namespace brainmt::kernels
