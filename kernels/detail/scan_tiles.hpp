#pragma once
// Tiling of the host selective scan, shared by forward and backward.
//
// A tile is 16 channels (one Lanes), a group kGroupTiles tiles, a pass kPassStates states. One work item is one group
// of one sample and walks its tokens segment by segment. Inputs of a segment are first converted to float in small
// buffers, [token][lane] in scan order; padding lanes and padding states are 0 and have no effect, so the loops need no
// special case for any E, N or L.
#include <algorithm>

#include "base/error.hpp"
#include "kernels/detail/host_items.hpp"
#include "kernels/detail/lanes.hpp"
#include "kernels/detail/vector_math.hpp"
#include "kernels/selective_scan.hpp"

namespace brainmt::kernels::detail {

inline constexpr int kPassStates = 4;  // states held in registers during a pass over a segment
inline constexpr int kGroupTiles =
    8;  // 128 channels: 512 contiguous bytes of a token row, which begins on a page of its own

/// A buffer of one tile over one segment, and one of kPassStates values a token.
struct alignas(64) TileBuffer {
  float at[kScanSegment * kLanes];
  Lanes operator[](int token) const { return load_lanes(at + token * kLanes); }
  void set(int token, Lanes value) { store_lanes(at + token * kLanes, value); }
};
struct alignas(64) PassBuffer {
  float at[kScanSegment][kPassStates];
};

struct ScanSizes {
  std::size_t batch, length, channels, states;

  std::size_t tiles() const { return (channels + kLanes - 1) / kLanes; }
  std::size_t groups() const { return (tiles() + kGroupTiles - 1) / kGroupTiles; }
  std::size_t passes() const { return (states + kPassStates - 1) / kPassStates; }
  std::size_t padded_states() const { return passes() * kPassStates; }
};

/// The rows of one segment in scan order: first, first + step, ... (`count` of them).
struct SegmentRows {
  std::ptrdiff_t first, step;
  int count;

  SegmentRows(const ScanSizes& sizes, Direction direction, std::size_t sample, std::size_t segment) {
    const std::size_t begin = segment * kScanSegment;
    first = static_cast<std::ptrdiff_t>(sample * sizes.length + token_at(direction, begin, sizes.length));
    step = direction == Direction::kForward ? 1 : -1;
    count = static_cast<int>(std::min<std::size_t>(kScanSegment, sizes.length - begin));
  }

  /// Row of the t-th token in `matrix`.
  template <class T>
  T* at(const MatrixView<T>& matrix, int t) const {
    return matrix.data + (first + step * t) * static_cast<std::ptrdiff_t>(matrix.ld);
  }
};

/// The tiles of one group.
struct GroupTiles {
  std::size_t first;  // tile
  int count;
  std::size_t columns_from, columns_to;  // channels

  GroupTiles(const ScanSizes& sizes, std::size_t group)
      : first(group * kGroupTiles),
        count(static_cast<int>(std::min<std::size_t>(kGroupTiles, sizes.tiles() - first))),
        columns_from(first * kLanes),
        columns_to(std::min(sizes.channels, columns_from + kGroupTiles * kLanes)) {}

  std::size_t column(int i) const { return columns_from + i * kLanes; }
  /// Channels of the i-th tile that exist.
  int width(int i) const { return static_cast<int>(std::min<std::size_t>(kLanes, columns_to - column(i))); }
};

/// Reads the channels of a group, token after token, so that one visit to a row takes all that is wanted of it.
template <class T>
void gather(TileBuffer* to, const MatrixView<const T>& from, const SegmentRows& rows, const GroupTiles& tiles) {
  for (int t = 0; t < rows.count; ++t) {
    const T* row = rows.at(from, t);
    for (int i = 0; i < tiles.count; ++i) to[i].set(t, load_lanes(row + tiles.column(i), tiles.width(i)));
  }
}

template <class T>
void scatter(const MatrixView<T>& to, const TileBuffer* from, const SegmentRows& rows, const GroupTiles& tiles) {
  for (int t = 0; t < rows.count; ++t) {
    T* row = rows.at(to, t);
    for (int i = 0; i < tiles.count; ++i) store_lanes(row + tiles.column(i), from[i][t], tiles.width(i));
  }
}

/// Reads the states of one pass of B or C; states past N are 0.
template <class T>
void gather_states(PassBuffer& to, const MatrixView<const T>& from, const SegmentRows& rows, std::size_t pass) {
  const std::size_t first_state = pass * kPassStates;
  const int present = static_cast<int>(std::min<std::size_t>(kPassStates, from.cols - first_state));
  for (int t = 0; t < rows.count; ++t) {
    const T* row = rows.at(from, t) + first_state;
    for (int n = 0; n < kPassStates; ++n) to.at[t][n] = n < present ? float(row[n]) : 0.0f;
  }
}

/// A[e,n] log2(e), the rate of decay in base 2, as [tile][padded state][lane]; 0 in the padding. Bounded, so that a
/// decay of 0 times a rate is never NaN.
inline Workspace scan_rates(const Exec& exec, const ScanSizes& sizes, View2<const float> a_log) {
  constexpr float kLog2E = 1.44269504f, kFastest = -1e30f;
  Workspace rates("brainmt::selective_scan::rates", sizes.tiles() * sizes.padded_states() * kLanes);
  Kokkos::parallel_for("brainmt::selective_scan::rates", ItemPolicy(exec, 0, sizes.channels), [=](std::size_t e) {
    float* tile = rates.data() + e / kLanes * sizes.padded_states() * kLanes + e % kLanes;
    for (std::size_t n = 0; n < sizes.states; ++n) {
      const float rate = -kLog2E * vexp(a_log(e, n));
      tile[n * kLanes] = rate < kFastest ? kFastest : rate;
    }
  });
  return rates;
}

/// x, delta = softplus(delta_raw + bias) and u = delta * x of one group over one segment; also the slope
/// d delta / d delta_raw unless `slope` is null.
template <class T>
void stage_inputs(TileBuffer* x, TileBuffer* delta, TileBuffer* u, TileBuffer* slope, const ScanDirection<T>& scan,
                  const SegmentRows& rows, const GroupTiles& tiles) {
  gather(x, scan.x, rows, tiles);
  gather(delta, scan.delta_raw, rows, tiles);
  const int values = rows.count * kLanes;
  for (int i = 0; i < tiles.count; ++i) {
    const Lanes bias = load_lanes(scan.delta_bias.data() + tiles.column(i), tiles.width(i));
    for (int t = 0; t < rows.count; ++t) delta[i].set(t, delta[i][t] + bias);
    if (slope != nullptr)
      for (int j = 0; j < values; ++j) slope[i].at[j] = vsigmoid(delta[i].at[j]);
    for (int j = 0; j < values; ++j) delta[i].at[j] = vsoftplus(delta[i].at[j]);
    for (int j = 0; j < values; ++j) u[i].at[j] = delta[i].at[j] * x[i].at[j];
  }
}

/// The extents that a launch needs; E and N from the parameters.
template <class T>
ScanSizes scan_sizes(const ScanDirection<T>& scan, std::size_t batch, std::size_t length) {
  BRAINMT_CHECK(scan.states.size() == batch * scan_segments(length) * scan.a_log.size(),
                "selective scan: {} stored states for {} samples of {} tokens", scan.states.size(), batch, length);
  return {batch, length, scan.a_log.extent(0), scan.a_log.extent(1)};
}

}  // namespace brainmt::kernels::detail
