// Backward selective scan. Double runs the oracle, whose header derives the formulas; float and bf16 run the tiled host
// implementation (detail/scan_tiles.hpp):
//
//   for each chunk of kChunkSegments segments, last one in scan order first
//     every group of channels, in parallel: for each segment, last one first
//       recompute decay and state of every token from the stored state, then run backward in time
//     dB, dC rows of the chunk = sum over groups, in order
//   parameter gradients += sum over samples, in order
//
// dB and dC are sums over all channels. Inside a group they are folded tile after tile; the groups' partial sums are in
// a workspace of B * ceil(E / 128) * 1024 * 2 N floats (1 MiB per sample for E = 1024, N = 16), for any length.
#include "kernels/detail/scan_oracle.hpp"
#include "kernels/detail/scan_tiles.hpp"
#include "kernels/detail/work.hpp"
#include "kernels/selective_scan.hpp"

namespace brainmt::kernels {
namespace {

using namespace detail;

constexpr std::size_t kChunkSegments = 16;
constexpr std::size_t kSegmentQuads = kScanSegment / 4;  // dB and dC are folded for four tokens at a time
constexpr std::size_t kChunkQuads = kChunkSegments * kSegmentQuads;
static_assert(kScanSegment % 4 == 0 && kPassStates == 4,
              "fold_four and fold_quads turn 4 states x 4 tokens into one vector");

/// Values carried across segments. Sums per sample, so that samples run in parallel and are added in order at the end.
struct BwdWorkspace {
  Workspace carry;      // [B, tile, padded state, lane] a_{t+1} g_{t+1} of the token in front
  Workspace da;         // [B, tile, padded state, lane] sum of dL/d(delta A) * delta
  Workspace dd, dbias;  // [B, tile, lane]
  Workspace db, dc;     // [B, group, quad of tokens in the chunk, pass, lane]: lane 4n + i is token i, state n

  explicit BwdWorkspace(const ScanSizes& sizes)
      : carry("brainmt::selective_scan::carry", sizes.batch * sizes.tiles() * sizes.padded_states() * kLanes),
        da("brainmt::selective_scan::da", carry.extent(0)),
        dd("brainmt::selective_scan::dd", sizes.batch * sizes.tiles() * kLanes),
        dbias("brainmt::selective_scan::dbias", dd.extent(0)),
        db(partial("brainmt::selective_scan::db", sizes)),
        dc(partial("brainmt::selective_scan::dc", sizes)) {}

  float* quad(const Workspace& of, const ScanSizes& sizes, std::size_t sample, std::size_t group, std::size_t quad,
              std::size_t pass) const {
    return of.data() + (((sample * sizes.groups() + group) * kChunkQuads + quad) * sizes.passes() + pass) * kLanes;
  }

 private:
  static Workspace partial(const std::string& label, const ScanSizes& sizes) {
    return Workspace(Kokkos::view_alloc(Kokkos::WithoutInitializing, label),
                     sizes.batch * sizes.groups() * kChunkQuads * sizes.passes() * kLanes);
  }
};

/// One direction of the backward scan over one chunk, for one group of channels of one sample.
template <class T>
struct SelectiveScanBwd {
  ScanGradients<T> gradients;
  MatrixView<const T> dy;
  ScanDirection<T> scan;
  ScanSizes sizes;
  Workspace rates;  // as scan_rates
  BwdWorkspace work;
  std::size_t first_segment, end_segment;

  struct Scratch {
    TileBuffer x[kGroupTiles], delta[kGroupTiles], u[kGroupTiles], slope[kGroupTiles], dy[kGroupTiles];
    TileBuffer gb[kGroupTiles];        // sum_n g B
    TileBuffer rate_sum[kGroupTiles];  // sum_n dL/d(delta A) * A log2(e)
    PassBuffer b, c;
    Lanes db[kScanSegment], dc[kScanSegment];                                      // fold_four of the tiles so far
    Lanes decay[kScanSegment][kPassStates], state[kScanSegment + 1][kPassStates];  // state[t]: in front of token t
  };

  void operator()(std::size_t item) const {
    const std::size_t sample = item / sizes.groups(), group = item % sizes.groups();
    const GroupTiles tiles(sizes, group);
    Scratch scratch;
    for (std::size_t segment = end_segment; segment-- > first_segment;) {
      const SegmentRows rows(sizes, scan.direction, sample, segment);
      stage_inputs(scratch.x, scratch.delta, scratch.u, scratch.slope, scan, rows, tiles);
      gather(scratch.dy, dy, rows, tiles);
      for (std::size_t pass = 0; pass < sizes.passes(); ++pass) {
        gather_states(scratch.b, scan.b, rows, pass);
        gather_states(scratch.c, scan.c, rows, pass);
        for (int t = 0; t < kScanSegment; ++t) scratch.db[t] = scratch.dc[t] = Lanes{};
        for (int i = 0; i < tiles.count; ++i) {
          recompute(scratch, i, rows.count, sample, segment, tiles, pass);
          sweep_back(scratch, i, rows.count, sample, tiles, pass);
        }
        keep_partial(scratch, sample, group, segment - first_segment, pass);
      }
      finish_inputs(scratch, sample, rows, tiles);
    }
  }

 private:
  std::size_t state_offset(std::size_t tile, std::size_t pass) const {
    return (tile * sizes.padded_states() + pass * kPassStates) * kLanes;
  }

  // Decay and state of every token of the segment for the states of one pass.
  void recompute(Scratch& scratch, int i, int count, std::size_t sample, std::size_t segment, const GroupTiles& tiles,
                 std::size_t pass) const {
    const float* tile_rates = rates.data() + state_offset(tiles.first + i, pass);
    const int present = static_cast<int>(std::min<std::size_t>(kPassStates, sizes.states - pass * kPassStates));
    Lanes state[kPassStates] = {}, rate[kPassStates];
    for (int n = 0; n < kPassStates; ++n) rate[n] = load_lanes(tile_rates + n * kLanes);
    for (int n = 0; n < present; ++n)
      state[n] = load_lanes(&scan.states(sample, segment, pass * kPassStates + n, tiles.column(i)), tiles.width(i));
    for (int n = 0; n < kPassStates; ++n) scratch.state[0][n] = state[n];
    const TileBuffer &delta = scratch.delta[i], &u = scratch.u[i];
    for (int t = 0; t < count; ++t)
      for (int n = 0; n < kPassStates; ++n) {
        const Lanes decay = exp2_nonpositive(delta[t] * rate[n]);
        state[n] = decay * state[n] + u[t] * scratch.b.at[t][n];
        scratch.decay[t][n] = decay;
        scratch.state[t + 1][n] = state[n];
      }
  }

  // g from the last token of the segment to the first, for the states of one pass.
  void sweep_back(Scratch& scratch, int i, int count, std::size_t sample, const GroupTiles& tiles,
                  std::size_t pass) const {
    const std::size_t tile = tiles.first + i;
    const float* tile_rates = rates.data() + state_offset(tile, pass);
    float* kept_carry = work.carry.data() + state_offset(sample * sizes.tiles() + tile, pass);
    float* kept_da = work.da.data() + state_offset(sample * sizes.tiles() + tile, pass);
    Lanes rate[kPassStates], carry[kPassStates], da[kPassStates] = {};
    for (int n = 0; n < kPassStates; ++n) {
      rate[n] = load_lanes(tile_rates + n * kLanes);
      carry[n] = load_lanes(kept_carry + n * kLanes);
    }
    for (int t = count; t-- > 0;) {
      const Lanes dy_t = scratch.dy[i][t], u = scratch.u[i][t], delta = scratch.delta[i][t];
      Lanes gb = pass == 0 ? Lanes{} : scratch.gb[i][t], rate_sum = pass == 0 ? Lanes{} : scratch.rate_sum[i][t];
      Lanes db[kPassStates], dc[kPassStates];
      for (int n = 0; n < kPassStates; ++n) {
        const Lanes g = dy_t * scratch.c.at[t][n] + carry[n];
        carry[n] = scratch.decay[t][n] * g;
        const Lanes from_decay = carry[n] * scratch.state[t][n];
        da[n] += from_decay * delta;
        rate_sum += from_decay * rate[n];
        gb += g * scratch.b.at[t][n];
        db[n] = g * u;
        dc[n] = dy_t * scratch.state[t + 1][n];
      }
      scratch.gb[i].set(t, gb);
      scratch.rate_sum[i].set(t, rate_sum);
      scratch.db[t] += fold_four(db);
      scratch.dc[t] += fold_four(dc);
    }
    for (int n = 0; n < kPassStates; ++n) {
      store_lanes(kept_carry + n * kLanes, carry[n]);
      store_lanes(kept_da + n * kLanes, load_lanes(kept_da + n * kLanes) + da[n]);
    }
  }

  void keep_partial(const Scratch& scratch, std::size_t sample, std::size_t group, std::size_t segment_in_chunk,
                    std::size_t pass) const {
    const auto quad_of = [](const Lanes* at) { return fold_quads({at[0], at[1], at[2], at[3]}); };
    for (std::size_t q = 0; q < kSegmentQuads; ++q) {
      const std::size_t quad = segment_in_chunk * kSegmentQuads + q;
      store_lanes(work.quad(work.db, sizes, sample, group, quad, pass), quad_of(scratch.db + 4 * q));
      store_lanes(work.quad(work.dc, sizes, sample, group, quad, pass), quad_of(scratch.dc + 4 * q));
    }
  }

  // dx and ddelta_raw of the segment, and its share of dD and of the gradient of the bias.
  void finish_inputs(Scratch& scratch, std::size_t sample, const SegmentRows& rows, const GroupTiles& tiles) const {
    constexpr float kLn2 = 0.693147181f;
    for (int i = 0; i < tiles.count; ++i) {
      const Lanes d = load_lanes(scan.d.data() + tiles.column(i), tiles.width(i));
      Lanes dd{}, dbias{};
      for (int t = 0; t < rows.count; ++t) {
        const Lanes x = scratch.x[i][t], delta = scratch.delta[i][t], dy_t = scratch.dy[i][t], gb = scratch.gb[i][t];
        const Lanes ddelta_raw = (scratch.rate_sum[i][t] * kLn2 + gb * x) * scratch.slope[i][t];
        dd += dy_t * x;
        dbias += ddelta_raw;
        scratch.gb[i].set(t, gb * delta + d * dy_t);
        scratch.rate_sum[i].set(t, ddelta_raw);
      }
      const std::size_t sums = (sample * sizes.tiles() + tiles.first + i) * kLanes;
      store_lanes(work.dd.data() + sums, load_lanes(work.dd.data() + sums) + dd);
      store_lanes(work.dbias.data() + sums, load_lanes(work.dbias.data() + sums) + dbias);
    }
    scatter(gradients.dx, scratch.gb, rows, tiles);
    scatter(gradients.ddelta_raw, scratch.rate_sum, rows, tiles);
  }
};

/// dB and dC of the tokens of a chunk: the groups' partial sums, added in order.
template <class T>
struct SumGroups {
  MatrixView<T> db, dc;
  ScanSizes sizes;
  BwdWorkspace work;
  Direction direction;
  std::size_t first_segment, quads;

  void operator()(std::size_t item) const {
    const std::size_t sample = item / quads, quad = item % quads;
    const SegmentRows rows(sizes, direction, sample, first_segment + quad / kSegmentQuads);
    const int first_token = static_cast<int>(quad % kSegmentQuads * 4);
    for (std::size_t pass = 0; pass < sizes.passes(); ++pass) {
      write(db, rows, first_token, pass, sum(work.db, sample, quad, pass));
      write(dc, rows, first_token, pass, sum(work.dc, sample, quad, pass));
    }
  }

 private:
  Lanes sum(const Workspace& partial, std::size_t sample, std::size_t quad, std::size_t pass) const {
    Lanes total{};
    for (std::size_t group = 0; group < sizes.groups(); ++group)
      total += load_lanes(work.quad(partial, sizes, sample, group, quad, pass));
    return total;
  }

  void write(const MatrixView<T>& to, const SegmentRows& rows, int first_token, std::size_t pass, Lanes sums) const {
    const int tokens = std::min(4, rows.count - first_token);
    const int present = static_cast<int>(std::min<std::size_t>(kPassStates, sizes.states - pass * kPassStates));
    for (int t = 0; t < tokens; ++t)
      for (int n = 0; n < present; ++n)
        rows.at(to, first_token + t)[pass * kPassStates + n] = T(float(sums[4 * n + t]));
  }
};

/// Adds the parameter gradients of one channel over samples, in order.
template <class T>
struct SumSamples {
  ScanGradients<T> gradients;
  View2<const float> a_log;
  ScanSizes sizes;
  BwdWorkspace work;

  void operator()(std::size_t e) const {
    const std::size_t tile = e / kLanes, lane = e % kLanes;
    for (std::size_t sample = 0; sample < sizes.batch; ++sample) {
      const std::size_t at = sample * sizes.tiles() + tile;
      gradients.dd(e) += work.dd(at * kLanes + lane);
      gradients.ddelta_bias(e) += work.dbias(at * kLanes + lane);
      for (std::size_t n = 0; n < sizes.states; ++n)
        gradients.da_log(e, n) -= vexp(a_log(e, n)) * work.da((at * sizes.padded_states() + n) * kLanes + lane);
    }
  }
};

template <class T>
void scan_bwd_on_host(const Exec& exec, const ScanGradients<T>& gradients, MatrixView<const T> dy,
                      const ScanDirection<T>& scan, std::size_t batch, std::size_t length) {
  const ScanSizes sizes = scan_sizes(scan, batch, length);
  const Workspace rates = scan_rates(exec, sizes, scan.a_log);
  const BwdWorkspace work(sizes);
  const std::size_t segments = scan_segments(length);
  for (std::size_t chunk = (segments + kChunkSegments - 1) / kChunkSegments; chunk-- > 0;) {
    const std::size_t first = chunk * kChunkSegments, end = std::min(segments, first + kChunkSegments);
    const SelectiveScanBwd<T> sweep{gradients, dy, scan, sizes, rates, work, first, end};
    Kokkos::parallel_for("brainmt::selective_scan::bwd", ItemPolicy(exec, 0, batch * sizes.groups()), sweep);
    const std::size_t quads = (end - first) * kSegmentQuads;
    const SumGroups<T> sum{gradients.db, gradients.dc, sizes, work, scan.direction, first, quads};
    Kokkos::parallel_for("brainmt::selective_scan::bwd_sum_groups", ItemPolicy(exec, 0, batch * quads), sum);
  }
  Kokkos::parallel_for("brainmt::selective_scan::bwd_sum_samples", ItemPolicy(exec, 0, sizes.channels),
                       SumSamples<T>{gradients, scan.a_log, sizes, work});
}

}  // namespace

template <class T>
void selective_scan_bwd(const Exec& exec, std::span<const ScanGradients<T>> gradients, MatrixView<const T> dy,
                        std::span<const ScanDirection<T>> directions, std::size_t batch, std::size_t length) {
  BRAINMT_CHECK(gradients.size() == directions.size(), "selective scan: {} gradients for {} directions",
                gradients.size(), directions.size());
  const profile::Region region("brainmt::selective_scan::bwd", detail::scan_bwd_work(directions));
  for (std::size_t i = 0; i < directions.size(); ++i) {
    if constexpr (std::is_same_v<T, double>)
      ref::selective_scan_bwd(oracle_outputs(gradients[i]), dy, oracle_inputs(directions[i]),
                              oracle_shape(directions[i], batch, length));
    else
      scan_bwd_on_host(exec, gradients[i], dy, directions[i], batch, length);
  }
}

#define BRAINMT_INSTANTIATE(T)                                                                             \
  template void selective_scan_bwd<T>(const Exec&, std::span<const ScanGradients<T>>, MatrixView<const T>, \
                                      std::span<const ScanDirection<T>>, std::size_t, std::size_t);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(bf16)
BRAINMT_INSTANTIATE(double)
#undef BRAINMT_INSTANTIATE

}  // namespace brainmt::kernels
