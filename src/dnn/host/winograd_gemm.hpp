#pragma once
// GEMMs between transformed tensors, one for each point of a tile. All operands are "panels" of 16 channels: element
// (group g, row r) is one Lanes at panel[g * rows + r].
#include <cstdint>

#include "base/lanes.hpp"

namespace brainmt::dnn::detail {

/// m[t, n] = sum_k v[t, k] u[k, n]; v: in_groups panels of `tiles` rows, u: out_groups panels of 16 in_groups rows,
/// m: out_groups panels of `tiles` rows. tiles >= kTileRows, out_groups even.
void tile_gemm(Lanes* m, const Lanes* v, const Lanes* u, std::int64_t tiles, std::int64_t in_groups,
               std::int64_t out_groups);

/// du[k, n] += sum_t v[t, k] d[t, n]; layouts as above, d like m.
void kernel_gemm(Lanes* du, const Lanes* v, const Lanes* d, std::int64_t tiles, std::int64_t in_groups,
                 std::int64_t out_groups);

inline constexpr int kTileRows = 12;

}  // namespace brainmt::dnn::detail
