#pragma once
// The linear maps of Winograd's minimal filtering F(m, 3) along the three axes of a tile.
//
// Along one axis, m outputs of a 3-tap correlation of a window of m + 2 inputs take m + 2 multiplications instead of 3
// m:
//
//   y = A^T [ (G w) . (B^T x) ]        A^T: m x (m+2),  G: (m+2) x 3,  B^T: (m+2) x (m+2)
//
// and the three axes nest: 6^3 multiplications instead of 1728 for 4^3 outputs. Gradients use the adjoint maps, so they
// are exact too. Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks (2016); the matrices follow
// from Toom-Cook interpolation at 0, 1, -1 [, 1/2 [, -2]] and infinity. With 1/2 in place of 2 the nested F(4, 3) loses
// half as many digits: measured 4e-6 relative (norms) against 8e-6, direct fp32 summation being at 2e-7.
//
// A value is 16 channels of one voxel: all arithmetic is on such vectors.
#include <array>

#include "base/lanes.hpp"

namespace brainmt::dnn::detail {

enum class Map {
  kInput,          // B^T x:    window of m + 2 -> points
  kKernel,         // G w:      3 -> points
  kKernelAdjoint,  // G^T dU:   points -> 3
  kOutput,         // A^T M:    points -> m
  kOutputAdjoint   // A dy:     m -> points
};

/// Outputs of a tile along each axis, each 2, 3 or 4.
struct Tile {
  std::array<int, 3> outputs;

  int window(int axis) const { return outputs[static_cast<std::size_t>(axis)] + 2; }
  int points() const { return window(0) * window(1) * window(2); }
};

inline constexpr int kMaxPoints = 6 * 6 * 6;

/// Values of one tile before, between and after the maps of the axes.
class TileBuffer {
 public:
  Lanes* data() { return front_; }
  /// Applies the map along every axis; data() then holds the result, last axis fastest.
  void apply(Map map, const Tile& tile);

 private:
  Lanes a_[kMaxPoints], b_[kMaxPoints];
  Lanes* front_ = a_;
  Lanes* back_ = b_;
};

}  // namespace brainmt::dnn::detail
