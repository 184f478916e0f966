// Backward selective scan (formulas: kernels/ref/selective_scan.hpp), a team for each segment and kTile channels. As
// forward, with time reversed; the carried value is a g = a_t g_t, the gradient of the state before token t:
//
//   local scan    each segment from a g = 0 behind it: a g before its first token, and the sum of its delta
//   chunk carry   from the last segment to the first: a g := exp(A sum of delta) a g + a g of the local scan
//   output pass   each segment with its true a g: dx, ddelta, dB, dC, and sums over its tokens
//   sums          dB, dC over tiles of channels; dA_log, dD, dbias over segments, in order: no atomics
#include <algorithm>

#include "kernels/detail/loops.hpp"
#include "kernels/detail/scratch.hpp"
#include "kernels/detail/work.hpp"
#include "kernels/device/scan_local.hpp"
#include "kernels/device/scan_output_bwd.hpp"

namespace brainmt::kernels {
namespace {

using namespace device;

constexpr std::size_t kMaxSegments =
    1024;  // of one output pass: its partial sums of dB, dC are 256 MiB in float at E = 1024

/// db and dc of the tokens of an output pass: the tiles' sums, in order.
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
    const std::size_t value = index % kRow, token = index / kRow;
    const std::size_t state = static_cast<std::size_t>(pass) * kPass + value % kPass;
    if (state >= problem.states) return;
    const M sum = sum_in_order(tile_sums + token * kRow + value, tokens * kRow, tiles);
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
    const M sum = sum_in_order(channel_sums + index, step, segments);
    if (row < states)
      gradients.da_log(e, row) -= (ScanMath<M>::rate(a_log(e, row)) * -ScanMath<M>::kPerRate) * sum;
    else
      (row == states ? gradients.dd : gradients.ddelta_bias)(e) += sum;
  }
};

/// Output pass over one sample in one direction, kMaxSegments segments at a time, and its sums.
template <class T>
void output_sample(const Exec& exec, const ScanGradients<T>& gradients, const ScanProblem<T>& problem, int direction,
                   std::size_t sample, MatrixView<const T> dy, const Master<T>* arriving) {
  using M = Master<T>;
  const ScanDirection<T>& scan = problem.direction[direction];
  const std::size_t tiles = (problem.channels + kTile - 1) / kTile, all = problem.segments();
  const std::size_t batch = std::min(all, kMaxSegments), capacity = batch * kScanSegment, rows = problem.states + 2;
  const detail::Scratch<M> channel_sums(batch * rows * problem.channels), tile_sums(tiles * capacity * kRow);
  for (std::size_t first = 0; first < all; first += kMaxSegments) {
    const std::size_t segments = std::min(all - first, kMaxSegments);
    const std::size_t tokens = std::min(problem.length - first * kScanSegment, segments * kScanSegment);
    for (int pass = 0; pass < problem.passes(); ++pass) {
      const TeamGrid grid = TeamGrid::of(problem, segments, 1, 1);
      for_each_team<OutputMemoryBwd<M>, kMembers>(
          exec, "brainmt::selective_scan::bwd", grid.teams(),
          OutputPassBwd<T>{problem, grid, gradients, dy, arriving, sample, first, capacity, channel_sums.data(),
                           tile_sums.data(), direction, pass});
      detail::for_each(exec, "brainmt::selective_scan::bwd_sum_tiles", tokens * kRow,
                       SumTiles<T>{gradients, scan, problem, sample, first, tiles, capacity, tile_sums.data(), pass});
    }
    detail::for_each(
        exec, "brainmt::selective_scan::bwd_sum_segments", rows * problem.channels,
        SumSegments<T>{gradients, scan.a_log, problem.channels, problem.states, segments, channel_sums.data()});
  }
}

}  // namespace

template <class T>
void selective_scan_bwd(const Exec& exec, std::span<const ScanGradients<T>> gradients, MatrixView<const T> dy,
                        std::span<const ScanDirection<T>> directions, std::size_t batch, std::size_t length) {
  using M = Master<T>;
  BRAINMT_CHECK(gradients.size() == directions.size(), "selective scan: {} gradients for {} directions",
                gradients.size(), directions.size());
  const profile::Region region("brainmt::selective_scan::bwd", detail::scan_bwd_work(directions));
  const ScanProblem<T> problem = scan_problem(directions, batch, length);
  const std::size_t per_sample = problem.segments() * problem.states * problem.channels;
  const detail::Scratch<M> arriving(directions.size() * batch * per_sample);
  join_segments<false>(exec, problem, dy, arriving.data());
  for (int i = 0; i < problem.directions; ++i)
    for (std::size_t sample = 0; sample < batch; ++sample)
      output_sample(exec, gradients[static_cast<std::size_t>(i)], problem, i, sample, dy,
                    arriving.data() + (static_cast<std::size_t>(i) * batch + sample) * per_sample);
}

#define BRAINMT_INSTANTIATE(T)                                                                             \
  template void selective_scan_bwd<T>(const Exec&, std::span<const ScanGradients<T>>, MatrixView<const T>, \
                                      std::span<const ScanDirection<T>>, std::size_t, std::size_t);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(bf16)
BRAINMT_INSTANTIATE(double)
#undef BRAINMT_INSTANTIATE

}  // namespace brainmt::kernels
