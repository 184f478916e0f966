// Register blocking: a block of rows times two panels stays in registers (24 or 16 vectors) over the whole sum, so
// each step is two vector loads and one broadcast per row, under the rate of one fused multiply-add a cycle.
#include "dnn/host/winograd_gemm.hpp"

#include <algorithm>

namespace brainmt::dnn::detail {
namespace {

template <int Rows>
struct Block {
  Lanes sum[Rows][2] = {};

  // Adds a[i * RowStride + step * StepStride] * (b0[step], b1[step]) over the steps.
  template <int RowStride, int StepStride>
  [[gnu::always_inline]] void add(const float* a, const Lanes* b0, const Lanes* b1, std::int64_t steps) {
    for (std::int64_t s = 0; s < steps; ++s) {
#pragma GCC unroll 16
      for (int i = 0; i < Rows; ++i) {
        const float factor = a[i * RowStride + s * StepStride];
        sum[i][0] += factor * b0[s];
        sum[i][1] += factor * b1[s];
      }
    }
  }
};

const float* scalars(const Lanes* p) { return reinterpret_cast<const float*>(p); }

}  // namespace

void tile_gemm(Lanes* m, const Lanes* v, const Lanes* u, std::int64_t tiles, std::int64_t in_groups,
               std::int64_t out_groups) {
  const std::int64_t rows = in_groups * kLanes;
  for (std::int64_t n = 0; n < out_groups; n += 2)
    for (std::int64_t begin = 0; begin < tiles; begin += kTileRows) {
      const std::int64_t t = std::min(begin, tiles - kTileRows);  // the last block may repeat rows of the one before
      Block<kTileRows> block;
      for (std::int64_t g = 0; g < in_groups; ++g)
        block.add<kLanes, 1>(scalars(v + g * tiles + t), u + n * rows + g * kLanes, u + (n + 1) * rows + g * kLanes,
                             kLanes);
      for (int i = 0; i < kTileRows; ++i) {
        m[n * tiles + t + i] = block.sum[i][0];
        m[(n + 1) * tiles + t + i] = block.sum[i][1];
      }
    }
}

void kernel_gemm(Lanes* du, const Lanes* v, const Lanes* d, std::int64_t tiles, std::int64_t in_groups,
                 std::int64_t out_groups) {
  constexpr int kRows = 8;
  const std::int64_t rows = in_groups * kLanes;
  for (std::int64_t n = 0; n < out_groups; n += 2)
    for (std::int64_t k = 0; k < rows; k += kRows) {
      Block<kRows> block;
      block.add<1, kLanes>(scalars(v + k / kLanes * tiles) + k % kLanes, d + n * tiles, d + (n + 1) * tiles, tiles);
      for (int i = 0; i < kRows; ++i) {
        du[n * rows + k + i] += block.sum[i][0];
        du[(n + 1) * rows + k + i] += block.sum[i][1];
      }
    }
}

}  // namespace brainmt::dnn::detail
