// Forward selective scan. Double runs the oracle; float and bf16 run the tiled host implementation
// (detail/scan_tiles.hpp).
#include "kernels/detail/scan_oracle.hpp"
#include "kernels/detail/scan_tiles.hpp"
#include "kernels/detail/work.hpp"
#include "kernels/selective_scan.hpp"

namespace brainmt::kernels {
namespace {

using namespace detail;

/// One direction of the scan over one group of channels of one sample.
template <class T>
struct SelectiveScanFwd {
  ScanDirection<T> scan;
  MatrixView<T> y;
  ScanSizes sizes;
  Workspace rates;  // as scan_rates
  bool accumulate;  // y += instead of y =

  struct Scratch {
    TileBuffer x[kGroupTiles], delta[kGroupTiles], u[kGroupTiles], y[kGroupTiles];
    PassBuffer b, c;
  };

  void operator()(std::size_t item) const {
    const std::size_t sample = item / sizes.groups();
    const GroupTiles tiles(sizes, item % sizes.groups());
    const std::size_t segments = scan_segments(sizes.length);
    Scratch scratch;
    for (std::size_t segment = 0; segment < segments; ++segment) {
      const SegmentRows rows(sizes, scan.direction, sample, segment);
      stage_inputs(scratch.x, scratch.delta, scratch.u, nullptr, scan, rows, tiles);
      start_output(scratch, rows, tiles);
      for (std::size_t pass = 0; pass < sizes.passes(); ++pass) {
        gather_states(scratch.b, scan.b, rows, pass);
        gather_states(scratch.c, scan.c, rows, pass);
        for (int i = 0; i < tiles.count; ++i) sweep(scratch, i, rows.count, sample, segment, tiles, pass);
      }
      scatter(y, scratch.y, rows, tiles);
    }
  }

 private:
  // y without its states: D x, plus what the other direction has left there.
  void start_output(Scratch& scratch, const SegmentRows& rows, const GroupTiles& tiles) const {
    if (accumulate) gather(scratch.y, MatrixView<const T>(y), rows, tiles);
    for (int i = 0; i < tiles.count; ++i) {
      const Lanes d = load_lanes(scan.d.data() + tiles.column(i), tiles.width(i));
      TileBuffer& out = scratch.y[i];
      for (int t = 0; t < rows.count; ++t) {
        const Lanes skip = d * scratch.x[i][t];
        out.set(t, accumulate ? out[t] + skip : skip);
      }
    }
  }

  // Advances the states of one pass over the segment, from states[segment] to states[segment + 1], adding C s to y.
  void sweep(Scratch& scratch, int i, int count, std::size_t sample, std::size_t segment, const GroupTiles& tiles,
             std::size_t pass) const {
    const int width = tiles.width(i);
    const float* tile_rates = rates.data() + ((tiles.first + i) * sizes.padded_states() + pass * kPassStates) * kLanes;
    const int present = static_cast<int>(std::min<std::size_t>(kPassStates, sizes.states - pass * kPassStates));
    Lanes state[kPassStates] = {}, rate[kPassStates];
    for (int n = 0; n < kPassStates; ++n) rate[n] = load_lanes(tile_rates + n * kLanes);
    for (int n = 0; n < present; ++n) {
      float* kept = &scan.states(sample, segment, pass * kPassStates + n, tiles.column(i));
      if (segment == 0)
        store_lanes(kept, Lanes{}, width);
      else
        state[n] = load_lanes(kept, width);
    }
    const TileBuffer &delta = scratch.delta[i], &u = scratch.u[i];
    TileBuffer& out = scratch.y[i];
    for (int t = 0; t < count; ++t) {
      Lanes sum = out[t];
      for (int n = 0; n < kPassStates; ++n) {
        state[n] = exp2_nonpositive(delta[t] * rate[n]) * state[n] + u[t] * scratch.b.at[t][n];
        sum += state[n] * scratch.c.at[t][n];
      }
      out.set(t, sum);
    }
    if (segment + 1 == scan_segments(sizes.length)) return;
    for (int n = 0; n < present; ++n)
      store_lanes(&scan.states(sample, segment + 1, pass * kPassStates + n, tiles.column(i)), state[n], width);
  }
};

}  // namespace

template <class T>
void selective_scan_fwd(const Exec& exec, MatrixView<T> y, std::span<const ScanDirection<T>> directions,
                        std::size_t batch, std::size_t length) {
  const profile::Region region("brainmt::selective_scan::fwd", detail::scan_fwd_work(directions));
  for (const ScanDirection<T>& scan : directions) {
    const bool accumulate = &scan != directions.data();
    if constexpr (std::is_same_v<T, double>) {
      ref::selective_scan_fwd(y, oracle_inputs(scan), oracle_shape(scan, batch, length), accumulate);
    } else {
      const ScanSizes sizes = scan_sizes(scan, batch, length);
      const SelectiveScanFwd<T> kernel{scan, y, sizes, scan_rates(exec, sizes, scan.a_log), accumulate};
      Kokkos::parallel_for("brainmt::selective_scan::fwd", ItemPolicy(exec, 0, batch * sizes.groups()), kernel);
    }
  }
}

#define BRAINMT_INSTANTIATE(T)                                                                                    \
  template void selective_scan_fwd<T>(const Exec&, MatrixView<T>, std::span<const ScanDirection<T>>, std::size_t, \
                                      std::size_t);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(bf16)
BRAINMT_INSTANTIATE(double)
#undef BRAINMT_INSTANTIATE

}  // namespace brainmt::kernels
