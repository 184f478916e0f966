// Forward: a work item makes kRun neighbours along W of kOutputs channels, so that a loaded voxel serves three taps and
// kOutputs channels, a loaded weight kRun voxels; channels lie side by side, so that a warp stores whole lines.
// Weight gradient: a work item walks a block of rows for a pair of channels, its 27 sums in registers and the input
// sliding along W; blocks write their own sums, which are added up in order.
#include "kernels/conv3d_stem.hpp"

#include <algorithm>

#include "kernels/detail/conv_grid.hpp"
#include "kernels/detail/loops.hpp"
#include "kernels/detail/scratch.hpp"

namespace brainmt::kernels {

bool is_single_channel_stem(const Conv3dShape& s) {
  return s.in_channels == 1 && s.out_channels % 4 == 0 && s.kernel == 3 && s.stride == 2 && s.padding == 1;
}

namespace detail {
namespace {

constexpr int kRun = 8, kOutputs = 4, kTaps = 27, kPair = 2;
constexpr std::size_t kBlocks = 4096;  // of rows at most: enough work items for a large device, few enough to add up

/// A row of output voxels: where it lies, and the nine input rows under it (null outside of the grid).
template <class T>
struct OutputRow {
  std::int64_t first;  // index of its first voxel
  const T* in[9];

  KOKKOS_INLINE_FUNCTION OutputRow(const ConvGrid& grid, const T* x, std::int64_t number) : first(number * grid.out_w) {
    const std::int64_t h = number % grid.out_h, d = number / grid.out_h % grid.out_d,
                       sample = number / (grid.out_h * grid.out_d);
    for (int a = 0; a < 3; ++a)
      for (int b = 0; b < 3; ++b) {
        const std::int64_t z = 2 * d + a - 1, y = 2 * h + b - 1;
        const bool inside = z >= 0 && z < grid.in_d && y >= 0 && y < grid.in_h;
        in[3 * a + b] = inside ? x + ((sample * grid.in_d + z) * grid.in_h + y) * grid.in_w : nullptr;
      }
  }
};

template <class M, class T>
KOKKOS_INLINE_FUNCTION M at(const T* row, std::int64_t w, std::int64_t extent) {
  return w >= 0 && w < extent ? static_cast<M>(row[w]) : M(0);
}

template <class T>
struct StemFwd {
  using M = Master<T>;
  T* y;
  const T* x;
  const M* weights;  // [27, C_out]
  const M* bias;     // may be null
  ConvGrid grid;
  bool relu;

  KOKKOS_FUNCTION void operator()(std::size_t index) const {
    const std::int64_t groups = grid.out_channels / kOutputs, runs = (grid.out_w + kRun - 1) / kRun;
    const auto i = static_cast<std::int64_t>(index);
    const std::int64_t o = i % groups * kOutputs, begin = i / groups % runs * kRun;
    const OutputRow<T> row(grid, x, i / (groups * runs));
    M sum[kRun][kOutputs];
    for (int r = 0; r < kRun; ++r)
      for (int k = 0; k < kOutputs; ++k) sum[r][k] = bias == nullptr ? M(0) : bias[o + k];
    for (int line = 0; line < 9; ++line) {
      if (row.in[line] == nullptr) continue;
      M value[2 * kRun + 1];
      for (int j = 0; j < 2 * kRun + 1; ++j) value[j] = at<M>(row.in[line], 2 * begin - 1 + j, grid.in_w);
      for (int c = 0; c < 3; ++c) {
        const M* weight = weights + (3 * line + c) * grid.out_channels + o;
        for (int k = 0; k < kOutputs; ++k) {
          const M w = weight[k];
          for (int r = 0; r < kRun; ++r) sum[r][k] += w * value[2 * r + c];
        }
      }
    }
    for (int r = 0; r < kRun; ++r)
      if (begin + r < grid.out_w)
        for (int k = 0; k < kOutputs; ++k)
          y[(row.first + begin + r) * grid.out_channels + o + k] =
              static_cast<T>(relu && sum[r][k] < M(0) ? M(0) : sum[r][k]);
  }
};

template <class T>
struct StemBwdWeights {
  using M = Master<T>;
  M* partials;  // [block, 27, C_out]
  const T *dy, *x;
  ConvGrid grid;
  std::int64_t rows, per_block;

  KOKKOS_FUNCTION void operator()(std::size_t index) const {
    const std::int64_t pairs = grid.out_channels / kPair;
    const auto i = static_cast<std::int64_t>(index);
    const std::int64_t o = i % pairs * kPair, block = i / pairs;
    const std::int64_t begin = block * per_block, end = begin + per_block < rows ? begin + per_block : rows;
    M sum[kTaps][kPair];
    for (int t = 0; t < kTaps; ++t)
      for (int k = 0; k < kPair; ++k) sum[t][k] = 0;
    for (std::int64_t r = begin; r < end; ++r) add_row(OutputRow<T>(grid, x, r), o, sum);
    for (int t = 0; t < kTaps; ++t)
      for (int k = 0; k < kPair; ++k) partials[(block * kTaps + t) * grid.out_channels + o + k] = sum[t][k];
  }

 private:
  KOKKOS_INLINE_FUNCTION void add_row(const OutputRow<T>& row, std::int64_t o, M (&sum)[kTaps][kPair]) const {
    M left[9];  // the voxel in front of the next output's three
    for (int line = 0; line < 9; ++line) left[line] = 0;
    for (std::int64_t w = 0; w < grid.out_w; ++w) {
      M gradient[kPair];
      for (int k = 0; k < kPair; ++k) gradient[k] = static_cast<M>(dy[(row.first + w) * grid.out_channels + o + k]);
      for (int line = 0; line < 9; ++line) {
        if (row.in[line] == nullptr) continue;
        const M middle = at<M>(row.in[line], 2 * w, grid.in_w), right = at<M>(row.in[line], 2 * w + 1, grid.in_w);
        for (int k = 0; k < kPair; ++k) {
          sum[3 * line][k] += gradient[k] * left[line];
          sum[3 * line + 1][k] += gradient[k] * middle;
          sum[3 * line + 2][k] += gradient[k] * right;
        }
        left[line] = right;
      }
    }
  }
};

}  // namespace

template <class T>
void conv3d_stem_fwd(const Exec& exec, View1<T> y, View1<const T> x, View1<const Master<T>> w,
                     View1<const Master<T>> bias, const Conv3dShape& shape, bool relu) {
  using M = Master<T>;
  const ConvGrid grid(shape);
  const auto outputs = static_cast<std::size_t>(grid.out_channels);
  const Scratch<M> scratch(kTaps * outputs);
  M* taps_first = scratch.data();
  const M* weights = w.data();
  for_each(
      exec, "brainmt::conv3d_stem::pack", kTaps * outputs,
      KOKKOS_LAMBDA(std::size_t i) { taps_first[i] = weights[i % outputs * kTaps + i / outputs]; });
  const std::size_t rows = static_cast<std::size_t>(shape.batch * grid.out_d * grid.out_h);
  const std::size_t items = rows * static_cast<std::size_t>((grid.out_w + kRun - 1) / kRun) * (outputs / kOutputs);
  for_each(exec, "brainmt::conv3d_stem::fwd", items,
           StemFwd<T>{y.data(), x.data(), taps_first, bias.extent(0) == 0 ? nullptr : bias.data(), grid, relu});
}

template <class T>
void conv3d_stem_bwd_weights(const Exec& exec, View1<Master<T>> dw, View1<const T> dy, View1<const T> x,
                             const Conv3dShape& shape) {
  using M = Master<T>;
  const ConvGrid grid(shape);
  const std::size_t rows = static_cast<std::size_t>(shape.batch * grid.out_d * grid.out_h);
  const std::size_t per_block = (rows + kBlocks - 1) / kBlocks, blocks = (rows + per_block - 1) / per_block;
  const auto outputs = static_cast<std::size_t>(grid.out_channels);
  const Scratch<M> scratch(blocks * kTaps * outputs);
  M* partials = scratch.data();
  M* out = dw.data();
  for_each(exec, "brainmt::conv3d_stem::bwd_weights", blocks * (outputs / kPair),
           StemBwdWeights<T>{partials, dy.data(), x.data(), grid, static_cast<std::int64_t>(rows),
                             static_cast<std::int64_t>(per_block)});
  for_each(
      exec, "brainmt::conv3d_stem::bwd_sum_blocks", kTaps * outputs, KOKKOS_LAMBDA(std::size_t i) {
        M sum = 0;
        for (std::size_t block = 0; block < blocks; ++block) sum += partials[block * kTaps * outputs + i];
        out[i % outputs * kTaps + i / outputs] += sum;
      });
}

#define BRAINMT_INSTANTIATE(T)                                                                            \
  template void conv3d_stem_fwd<T>(const Exec&, View1<T>, View1<const T>, View1<const Master<T>>,         \
                                   View1<const Master<T>>, const Conv3dShape&, bool);                     \
  template void conv3d_stem_bwd_weights<T>(const Exec&, View1<Master<T>>, View1<const T>, View1<const T>, \
                                           const Conv3dShape&);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(bf16)
BRAINMT_INSTANTIATE(double)
#undef BRAINMT_INSTANTIATE

}  // namespace detail
}  // namespace brainmt::kernels
