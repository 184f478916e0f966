#pragma once
// Sums over the channels of a tile, value by value: dB and dC of a token are sums over all channels, whose work items
// stand side by side. On a device a tile is one warp, and kValues sums over its 32 lanes take kValues - 1 exchanges: in
// each round a lane keeps one half of its values and gives the other half to the lane that keeps that one. On the host
// one thread walks the channels of the tile and adds them up in order.
#include "kernels/types.hpp"

namespace brainmt::kernels::portable {

inline constexpr std::size_t kTile = 32;  // channels

/// After all rounds lane l holds the sum over lanes of value l. `exchange(value, distance)` gives the value of the lane
/// whose number differs in that bit; every lane of the warp must take part.
template <class M, class Exchange>
KOKKOS_INLINE_FUNCTION M sum_over_lanes(M (&value)[kTile], int lane, const Exchange& exchange) {
  for (int half = kTile / 2; half > 0; half /= 2) {
    const bool upper = (lane & half) != 0;  // keeps the values with this bit
    for (int i = 0; i < static_cast<int>(kTile) / 2; ++i) {
      if (i >= half) break;
      const M keep = upper ? value[i + half] : value[i], give = upper ? value[i] : value[i + half];
      value[i] = keep + exchange(give, half);
    }
  }
  return value[0];
}

#if defined(__CUDA_ARCH__)
struct WarpExchange {
  template <class M>
  __device__ M operator()(M value, int distance) const {
    return __shfl_xor_sync(0xffffffffu, value, distance);
  }
};
#endif

/// Where the sums of one tile go: kTile numbers a token, [row][value], of this tile alone.
template <class M>
class TileSums {
 public:
  KOKKOS_INLINE_FUNCTION TileSums(M* to, std::size_t lane) : to_(to), lane_(lane) {}

  /// Adds this channel's values at a row. On a device all lanes call it together; on the host lane 0 comes first.
  KOKKOS_INLINE_FUNCTION void add(std::size_t row, M (&value)[kTile]) const {
    M* target = to_ + row * kTile;
#if defined(__CUDA_ARCH__)
    target[lane_] = sum_over_lanes(value, static_cast<int>(lane_), WarpExchange());
#else
    for (std::size_t i = 0; i < kTile; ++i) target[i] = lane_ == 0 ? value[i] : target[i] + value[i];
#endif
  }

 private:
  M* to_;
  std::size_t lane_;
};

/// f(lane) for the lanes of a tile that belong to work item `index` of a launch of tile_items(tiles): on a device one,
/// on the host all of them in order.
template <class F>
KOKKOS_INLINE_FUNCTION void for_lanes([[maybe_unused]] std::size_t index, const F& f) {
#if defined(__CUDA_ARCH__)
  f(index % kTile);
#else
  for (std::size_t lane = 0; lane < kTile; ++lane) f(lane);
#endif
}
inline constexpr bool kLaneItems = !Kokkos::SpaceAccessibility<Exec, Kokkos::HostSpace>::accessible;
constexpr std::size_t tile_items(std::size_t tiles) { return kLaneItems ? tiles * kTile : tiles; }
KOKKOS_INLINE_FUNCTION std::size_t tile_of(std::size_t index) { return kLaneItems ? index / kTile : index; }

}  // namespace brainmt::kernels::portable
