#pragma once
// How a batch of volumes is cut into tiles, and the transforms of whole tensors, tile by tile, into panels: transformed
// tensor [point][channel group][tile] of Lanes (dnn/winograd_gemm.hpp).
#include "dnn/host/conv3d_onednn.hpp"
#include "dnn/host/winograd_transform.hpp"
#include "memory/pool.hpp"

namespace brainmt::dnn::detail {

/// Tiles of the output volume of every frame, numbered frame by frame.
struct Grid {
  explicit Grid(const Conv3dShape& shape);

  Tile tile;
  std::array<std::int64_t, 3> extents;  // voxels
  std::array<std::int64_t, 3> count;    // tiles along each axis
  std::int64_t tiles;                   // in the whole batch
};

/// Some consecutive tiles, as many as the caches hold.
struct TileRange {
  std::int64_t begin, count;
};

/// Pooled memory of `rows` x `groups` Lanes for each point.
class Panels {
 public:
  Panels(const Tile& tile, std::int64_t groups, std::int64_t rows)
      : stride_(groups * rows),
        bytes_(static_cast<std::size_t>(tile.points() * stride_) * sizeof(Lanes)),
        memory_(pool::allocate(bytes_)) {}

  Lanes* at(int point) const { return static_cast<Lanes*>(memory_.get()) + point * stride_; }
  std::size_t bytes() const { return bytes_; }

 private:
  std::int64_t stride_;
  std::size_t bytes_;
  std::shared_ptr<void> memory_;
};

/// B^T x of the tiles' windows.
void transform_windows(const Panels& v, const Tensor& x, const Grid& grid, const TileRange& range);
/// A dy of the tiles' outputs.
void transform_output_gradients(const Panels& d, const Tensor& dy, const Grid& grid, const TileRange& range);
/// y = A^T m (+ bias) (then ReLU).
void transform_outputs(const Tensor& y, const Panels& m, const Tensor& bias, bool relu, const Grid& grid,
                       const TileRange& range);

/// G w as [point][group of produced channels][summed channel]; forward sums over input channels, backward over output
/// channels with the kernel mirrored.
void transform_kernel(const Panels& u, const Tensor& w, const Tile& tile, bool backward);
/// dw += G^T du, du laid out as for forward.
void add_kernel_gradient(const Tensor& dw, const Panels& du, const Tile& tile);

}  // namespace brainmt::dnn::detail
