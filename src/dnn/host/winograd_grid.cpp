#include "dnn/host/winograd_grid.hpp"

#include <algorithm>

namespace brainmt::dnn::detail {
namespace {

using Voxel = std::array<std::int64_t, 3>;

// Outputs per tile along an axis that minimise multiplications, padding included.
int best_outputs(std::int64_t extent) {
  int best = 2;
  const auto products = [&](int m) { return (extent + m - 1) / m * (m + 2); };
  for (const int m : {3, 4})
    if (products(m) < products(best)) best = m;
  return best;
}

struct TileOrigin {
  std::int64_t frame;
  Voxel origin;  // of the tile's outputs
};

TileOrigin origin_of(const Grid& grid, std::int64_t tile) {
  TileOrigin p{};
  for (std::size_t axis = 3; axis-- > 0;) {
    p.origin[axis] = tile % grid.count[axis] * grid.tile.outputs[axis];
    tile /= grid.count[axis];
  }
  p.frame = tile;
  return p;
}

// Calls f(index in the box, voxel's row in the tensor or -1 outside) for the box of `size` voxels at `origin`.
template <class F>
void for_each_voxel(const Grid& grid, std::int64_t frame, const Voxel& origin, const std::array<int, 3>& size, F&& f) {
  const auto inside = [&](std::size_t axis, std::int64_t i) { return i >= 0 && i < grid.extents[axis]; };
  int index = 0;
  for (std::int64_t d = origin[0]; d < origin[0] + size[0]; ++d)
    for (std::int64_t h = origin[1]; h < origin[1] + size[1]; ++h) {
      const bool line_inside = inside(0, d) && inside(1, h);
      const std::int64_t line = ((frame * grid.extents[0] + d) * grid.extents[1] + h) * grid.extents[2];
      for (std::int64_t w = origin[2]; w < origin[2] + size[2]; ++w, ++index)
        f(index, line_inside && inside(2, w) ? line + w : -1);
    }
}

// Calls f(tile, group) for all, in an order that uses a voxel's channels while its cache lines are near and still
// writes panels in runs: a few tiles, group by group.
template <class F>
void for_each_tile_and_group(std::int64_t tiles, std::int64_t groups, F&& f) {
  constexpr std::int64_t kRun = 9;
#pragma omp parallel for collapse(2) schedule(static)
  for (std::int64_t begin = 0; begin < tiles; begin += kRun)
    for (std::int64_t g = 0; g < groups; ++g)
      for (std::int64_t t = begin; t < std::min(begin + kRun, tiles); ++t) f(t, g);
}

template <class T>
void transform_boxes(const Panels& out, const Tensor& in, const Grid& grid, const TileRange& range, Map map) {
  const std::int64_t channels = in.cols();
  const std::int64_t groups = channels / kLanes;
  const bool window = map == Map::kInput;
  const std::array<int, 3> size =
      window ? std::array{grid.tile.window(0), grid.tile.window(1), grid.tile.window(2)} : grid.tile.outputs;
  const T* data = in.data<T>();
  for_each_tile_and_group(range.count, groups, [&](std::int64_t t, std::int64_t g) {
    auto [frame, origin] = origin_of(grid, range.begin + t);
    if (window)
      for (auto& o : origin) --o;  // the padding
    TileBuffer buffer;
    Lanes* box = buffer.data();
    for_each_voxel(grid, frame, origin, size, [&](int i, std::int64_t row) {
      box[i] = row < 0 ? Lanes{} : load_lanes(data + row * channels + g * kLanes);
    });
    buffer.apply(map, grid.tile);
    const Lanes* result = buffer.data();
    for (int p = 0; p < grid.tile.points(); ++p) out.at(p)[g * range.count + t] = result[p];
  });
}

template <class T>
void store_boxes(const Tensor& y, const Panels& m, const Tensor& bias, bool relu, const Grid& grid,
                 const TileRange& range) {
  const std::int64_t channels = y.cols();
  const std::int64_t groups = channels / kLanes;
  T* data = y.data<T>();
  for_each_tile_and_group(range.count, groups, [&](std::int64_t t, std::int64_t g) {
    TileBuffer buffer;
    Lanes* products = buffer.data();
    for (int p = 0; p < grid.tile.points(); ++p) products[p] = m.at(p)[g * range.count + t];
    buffer.apply(Map::kOutput, grid.tile);
    const Lanes* box = buffer.data();
    const Lanes shift = bias ? load_lanes(bias.data<float>() + g * kLanes) : Lanes{};
    const auto [frame, origin] = origin_of(grid, range.begin + t);
    for_each_voxel(grid, frame, origin, grid.tile.outputs, [&](int i, std::int64_t row) {
      if (row < 0) return;
      const Lanes value = box[i] + shift;
      store_lanes(data + row * channels + g * kLanes, relu ? (value < 0.0f ? Lanes{} : value) : value);
    });
  });
}

constexpr int kTaps = 27;

// Where w[out][in][tap] lies for (produced channel n, summed channel k).
struct KernelLayout {
  std::int64_t produced, summed, produced_stride, summed_stride;

  KernelLayout(const Tensor& w, bool backward) {
    const std::int64_t out = w.shape()[0], in = w.shape()[1];
    produced = backward ? in : out;
    summed = backward ? out : in;
    produced_stride = backward ? kTaps : in * kTaps;
    summed_stride = backward ? in * kTaps : kTaps;
  }
};

}  // namespace

Grid::Grid(const Conv3dShape& shape) : extents(shape.out), tiles(shape.batch) {
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const int outputs = best_outputs(extents[axis]);
    tile.outputs[axis] = outputs;
    count[axis] = (extents[axis] + outputs - 1) / outputs;
    tiles *= count[axis];
  }
}

void transform_windows(const Panels& v, const Tensor& x, const Grid& grid, const TileRange& range) {
  if (x.dtype() == DType::kBf16) return transform_boxes<bf16>(v, x, grid, range, Map::kInput);
  transform_boxes<float>(v, x, grid, range, Map::kInput);
}

void transform_output_gradients(const Panels& d, const Tensor& dy, const Grid& grid, const TileRange& range) {
  if (dy.dtype() == DType::kBf16) return transform_boxes<bf16>(d, dy, grid, range, Map::kOutputAdjoint);
  transform_boxes<float>(d, dy, grid, range, Map::kOutputAdjoint);
}

void transform_outputs(const Tensor& y, const Panels& m, const Tensor& bias, bool relu, const Grid& grid,
                       const TileRange& range) {
  if (y.dtype() == DType::kBf16) return store_boxes<bf16>(y, m, bias, relu, grid, range);
  store_boxes<float>(y, m, bias, relu, grid, range);
}

void transform_kernel(const Panels& u, const Tensor& w, const Tile& tile, bool backward) {
  const KernelLayout layout(w, backward);
  const float* data = w.data<float>();
#pragma omp parallel for collapse(2) schedule(static)
  for (std::int64_t n = 0; n < layout.produced; n += kLanes)
    for (std::int64_t k = 0; k < layout.summed; ++k) {
      const float* from = data + n * layout.produced_stride + k * layout.summed_stride;
      TileBuffer buffer;
      auto* taps = reinterpret_cast<float*>(buffer.data());
      for (int lane = 0; lane < kLanes; ++lane, from += layout.produced_stride)
        for (int tap = 0; tap < kTaps; ++tap) taps[tap * kLanes + lane] = from[backward ? kTaps - 1 - tap : tap];
      buffer.apply(Map::kKernel, tile);
      const Lanes* result = buffer.data();
      for (int p = 0; p < tile.points(); ++p) u.at(p)[n / kLanes * layout.summed + k] = result[p];
    }
}

void add_kernel_gradient(const Tensor& dw, const Panels& du, const Tile& tile) {
  const KernelLayout layout(dw, false);
  float* data = dw.data<float>();
#pragma omp parallel for collapse(2) schedule(static)
  for (std::int64_t n = 0; n < layout.produced; n += kLanes)
    for (std::int64_t k = 0; k < layout.summed; ++k) {
      TileBuffer buffer;
      Lanes* points = buffer.data();
      for (int p = 0; p < tile.points(); ++p) points[p] = du.at(p)[n / kLanes * layout.summed + k];
      buffer.apply(Map::kKernelAdjoint, tile);
      const auto* taps = reinterpret_cast<const float*>(buffer.data());
      float* to = data + n * layout.produced_stride + k * layout.summed_stride;
      for (int lane = 0; lane < kLanes; ++lane, to += layout.produced_stride)
        for (int tap = 0; tap < kTaps; ++tap) to[tap] += taps[tap * kLanes + lane];
    }
}

}  // namespace brainmt::dnn::detail
