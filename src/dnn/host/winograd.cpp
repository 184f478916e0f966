// Each pass processes tiles in ranges that fit in cache: transform, one GEMM per point, transform back.
#include "dnn/host/winograd.hpp"

#include <algorithm>
#include <cstring>

#include "dnn/gemm.hpp"
#include "dnn/host/winograd_gemm.hpp"
#include "dnn/host/winograd_grid.hpp"

namespace brainmt::dnn::detail {
namespace {

// Tiles in one range: enough that reading the transformed kernel (or its gradient) is cheap beside the GEMMs, few
// enough that the transformed activations stay in the last-level cache.
constexpr std::int64_t kRangeTiles = 160;

// Calls f(range) for ranges of nearly equal length; none is shorter than kTileRows when the whole is not.
template <class F>
void for_each_range(std::int64_t tiles, F&& f) {
  const std::int64_t ranges = (tiles + kRangeTiles - 1) / kRangeTiles;
  for (std::int64_t i = 0; i < ranges; ++i) {
    const std::int64_t begin = tiles * i / ranges;
    f(TileRange{begin, tiles * (i + 1) / ranges - begin});
  }
}

// y = x * kernel, forward or backward: the gradient of the data is a convolution with the mirrored kernel.
void convolve(const Tensor& y, const Tensor& x, const Tensor& w, const Tensor& bias, bool relu,
              const Conv3dShape& shape, bool backward) {
  const Grid grid(shape);
  const std::int64_t in_groups = x.cols() / kLanes;
  const std::int64_t out_groups = y.cols() / kLanes;
  const Panels u(grid.tile, out_groups, x.cols());
  transform_kernel(u, w, grid.tile, backward);
  for_each_range(grid.tiles, [&](const TileRange& range) {
    const Panels v(grid.tile, in_groups, range.count);
    const Panels m(grid.tile, out_groups, range.count);
    transform_windows(v, x, grid, range);
#pragma omp parallel for schedule(static)
    for (int p = 0; p < grid.tile.points(); ++p)
      tile_gemm(m.at(p), v.at(p), u.at(p), range.count, in_groups, out_groups);
    transform_outputs(y, m, bias, relu, grid, range);
  });
}

}  // namespace

bool winograd_applies(const Conv3dShape& s) {
  return s.kernel == 3 && s.stride == 1 && s.padding == 1 && s.in_channels % (2 * kLanes) == 0 &&
         s.out_channels % (2 * kLanes) == 0 && Grid(s).tiles >= kTileRows;
}

bool winograd_pays(const Conv3dShape& s, DType activations) {
  // Measured on one Zen 4 core, 32 to 256 channels: transforming the kernel must be shared by this many tiles to beat
  // the direct algorithm, whose bf16 GEMMs take half the time of fp32 ones.
  const std::int64_t enough = activations == DType::kBf16 ? 128 : 32;
  return winograd_applies(s) && Grid(s).tiles >= enough;
}

void conv3d_fwd_winograd(const Tensor& y, const Tensor& x, const Tensor& w, const Tensor& bias,
                         const Conv3dShape& shape, bool relu) {
  convolve(y, x, w, bias, relu, shape, false);
}

void conv3d_bwd_data_winograd(const Tensor& dx, const Tensor& dy, const Tensor& w, const Conv3dShape& shape) {
  convolve(dx, dy, w, {}, false, shape, true);
}

void conv3d_bwd_weights_winograd(const Tensor& dw, const Tensor& dbias, const Tensor& dy, const Tensor& x,
                                 const Conv3dShape& shape) {
  const Grid grid(shape);
  const std::int64_t in_groups = x.cols() / kLanes;
  const std::int64_t out_groups = dy.cols() / kLanes;
  const Panels du(grid.tile, out_groups, x.cols());
  std::memset(du.at(0), 0, du.bytes());
  for_each_range(grid.tiles, [&](const TileRange& range) {
    const Panels v(grid.tile, in_groups, range.count);
    const Panels d(grid.tile, out_groups, range.count);
    transform_windows(v, x, grid, range);
    transform_output_gradients(d, dy, grid, range);
#pragma omp parallel for schedule(static)
    for (int p = 0; p < grid.tile.points(); ++p)
      kernel_gemm(du.at(p), v.at(p), d.at(p), range.count, in_groups, out_groups);
  });
  add_kernel_gradient(dw, du, grid.tile);
  if (dbias) add_column_sums(dbias, dy);
}

}  // namespace brainmt::dnn::detail
