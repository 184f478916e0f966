// Forward selective scan, one work item a channel and segment. Segments are independent but for the state in front of
// them, so that a single sample fills a device:
//
//   ends   every segment from a state of 0: its last state and the sum of its delta              (all directions at
//   once) carry  from segment to segment: s := exp(A sum of delta) s + last state, exact because decays multiply sweep
//   every segment again, now from its true state: y                             (one direction after the other)
//
// The end of segment k is kept in `states` of segment k + 1, where the carry replaces it by the true state.
#include "base/error.hpp"
#include "kernels/detail/loops.hpp"
#include "kernels/detail/scratch.hpp"
#include "kernels/detail/work.hpp"
#include "kernels/portable/scan_math.hpp"

namespace brainmt::kernels {
namespace {

using namespace portable;

/// One token: s := decay s + delta B x; the states of one pass.
template <class T>
KOKKOS_INLINE_FUNCTION void advance(States<Master<T>>& state, const States<Master<T>>& rate, const States<Master<T>>& b,
                                    Master<T> delta, Master<T> u) {
  using M = Master<T>;
  for_states([&](auto n) { state[n] = ScanMath<M>::template decay<n>(delta * rate[n]) * state[n] + u * b[n]; });
}

template <class T>
struct SegmentEnds {
  ScanProblem<T> problem;
  std::size_t segments;     // of a sequence; the last one's end is nobody's start
  View1<Master<T>> totals;  // [direction, B, S - 1, E] sum of delta

  KOKKOS_FUNCTION void operator()(std::size_t index) const {
    using M = Master<T>;
    const ScanItem item(index, problem.channels, segments - 1, problem.batch);
    const ScanDirection<T>& scan = problem.direction[item.direction];
    const Segment segment(scan.direction, problem.length, item.sample, item.segment);
    const Channel<T> channel(scan, item.channel);
    M total = 0;
    for (int pass = 0; pass < problem.passes(); ++pass) {
      const int present = problem.present(pass);
      const std::size_t first = static_cast<std::size_t>(pass) * kPass;
      const auto rate = States<M>::rates(scan.a_log, item.channel, first, present);
      auto state = States<M>::zero();
      total = 0;
      for (int t = 0; t < segment.count; ++t) {
        const std::size_t row = segment.row(t);
        const M delta = channel.delta(scan, row);
        total += delta;
        advance<T>(state, rate, States<M>::read_row(&scan.b(row, first), present), delta,
                   delta * static_cast<M>(scan.x(row, item.channel)));
      }
      state.write(&scan.states(item.sample, item.segment + 1, first, item.channel), problem.channels, present);
    }
    totals(index) = total;
  }
};

template <class T>
struct CarryStates {
  ScanProblem<T> problem;
  std::size_t segments;
  View1<const Master<T>> totals;

  KOKKOS_FUNCTION void operator()(std::size_t index) const {
    using M = Master<T>;
    const ScanItem item(index, problem.channels, problem.states, problem.batch);  // "segment" counts states here
    const ScanDirection<T>& scan = problem.direction[item.direction];
    const M rate = ScanMath<M>::rate(scan.a_log(item.channel, item.segment));
    const M* total =
        totals.data() +
        (static_cast<std::size_t>(item.direction) * problem.batch + item.sample) * (segments - 1) * problem.channels +
        item.channel;
    M state = 0;
    scan.states(item.sample, 0, item.segment, item.channel) = state;
    for (std::size_t k = 1; k < segments; ++k, total += problem.channels) {
      M& kept = scan.states(item.sample, k, item.segment, item.channel);
      state = ScanMath<M>::template decay<1>(*total * rate) * state + kept;
      kept = state;
    }
  }
};

template <class T>
struct SweepSegments {
  ScanProblem<T> problem;
  std::size_t segments;
  Rows<T> y;
  int direction;

  KOKKOS_FUNCTION void operator()(std::size_t index) const {
    using M = Master<T>;
    const ScanItem item(index, problem.channels, segments, problem.batch);
    const ScanDirection<T>& scan = problem.direction[direction];
    const Segment segment(scan.direction, problem.length, item.sample, item.segment);
    const Channel<T> channel(scan, item.channel);
    for (int pass = 0; pass < problem.passes(); ++pass) {
      const int present = problem.present(pass);
      const std::size_t first = static_cast<std::size_t>(pass) * kPass;
      const auto rate = States<M>::rates(scan.a_log, item.channel, first, present);
      auto state =
          States<M>::read(&scan.states(item.sample, item.segment, first, item.channel), problem.channels, present);
      for (int t = 0; t < segment.count; ++t) {
        const std::size_t row = segment.row(t);
        const M delta = channel.delta(scan, row), x = scan.x(row, item.channel);
        advance<T>(state, rate, States<M>::read_row(&scan.b(row, first), present), delta, delta * x);
        const auto c = States<M>::read_row(&scan.c(row, first), present);
        M sum = pass == 0 ? channel.d * x : M(0);
        for_states([&](auto n) { sum += c[n] * state[n]; });
        T& out = y(row, item.channel);
        out = static_cast<T>(pass > 0 || direction > 0 ? static_cast<M>(out) + sum : sum);
      }
    }
  }
};

}  // namespace

template <class T>
void selective_scan_fwd(const Exec& exec, Rows<T> y, std::span<const ScanDirection<T>> directions, std::size_t batch,
                        std::size_t length) {
  const profile::Region region("brainmt::selective_scan::fwd", detail::scan_fwd_work(directions));
  const ScanProblem<T> problem = scan_problem(directions, batch, length);
  const std::size_t segments = problem.segments(), ways = directions.size(), channels = problem.channels;
  const detail::Scratch<Master<T>> totals(ways * batch * (segments - 1) * channels);
  detail::for_each(exec, "brainmt::selective_scan::fwd_ends", totals.count(),
                   SegmentEnds<T>{problem, segments, totals.flat()});
  detail::for_each(exec, "brainmt::selective_scan::fwd_carry", ways * batch * problem.states * channels,
                   CarryStates<T>{problem, segments, totals.flat()});
  for (int i = 0; i < problem.directions; ++i)
    detail::for_each(exec, "brainmt::selective_scan::fwd", batch * segments * channels,
                     SweepSegments<T>{problem, segments, y, i});
}

#define BRAINMT_INSTANTIATE(T)                                                                              \
  template void selective_scan_fwd<T>(const Exec&, Rows<T>, std::span<const ScanDirection<T>>, std::size_t, \
                                      std::size_t);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(bf16)
BRAINMT_INSTANTIATE(double)
#undef BRAINMT_INSTANTIATE

}  // namespace brainmt::kernels
