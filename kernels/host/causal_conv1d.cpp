// Causal depthwise convolution with SiLU. Double runs the oracle; float and bf16 run 16 channels at a time: one work
// item is kBlockTokens positions of kBlockTiles tiles of channels of one sample. Its rows and the K-1 rows on either
// side are first converted to float, [position][lane], with 0 outside the sequence and in padding lanes.
//
// Gradients of w and bias are summed inside an item, kept in a workspace of B * ceil(L / 128) * E * (K + 1) floats, and
// added over items in order.
#include "kernels/causal_conv1d.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/lanes.hpp"
#include "kernels/detail/activation_math.hpp"
#include "kernels/detail/host_items.hpp"
#include "kernels/detail/work.hpp"
#include "kernels/ref/causal_conv1d.hpp"

namespace brainmt::kernels {
namespace {

constexpr int kBlockTokens = 128;
constexpr int kBlockTiles = 4;
constexpr int kMaxTaps = 8;
constexpr int kMargin = kMaxTaps - 1;  // rows on either side of a block

using detail::ItemPolicy;
using detail::Workspace;

/// One tile of a block with its margins; position 0 is the first of the block, -kMargin the first that is kept.
struct alignas(64) TileBuffer {
  float values[(kBlockTokens + 2 * kMargin) * kLanes];

  float* at(int position) { return values + (position + kMargin) * kLanes; }
  Lanes operator[](int position) const { return load_lanes(values + (position + kMargin) * kLanes); }
  void set(int position, Lanes value) { store_lanes(at(position), value); }
};

struct Blocks {
  ref::ConvShape shape;

  std::size_t tiles() const { return (shape.channels + kLanes - 1) / kLanes; }
  std::size_t tile_groups() const { return (tiles() + kBlockTiles - 1) / kBlockTiles; }
  std::size_t along_length() const { return (shape.length + kBlockTokens - 1) / kBlockTokens; }
  std::size_t items() const { return shape.batch * along_length() * tile_groups(); }
  int taps() const { return static_cast<int>(shape.taps); }
};

/// One work item: its sample, its positions [first, first + count) and its tiles.
struct Block {
  ref::ConvShape shape;
  std::size_t sample, first, index;  // index: of the block among those of all samples
  int count;
  std::size_t first_tile;
  int tiles;

  Block(const Blocks& blocks, std::size_t item) : shape(blocks.shape) {
    index = item / blocks.tile_groups();
    sample = index / blocks.along_length();
    first = index % blocks.along_length() * kBlockTokens;
    count = static_cast<int>(std::min<std::size_t>(kBlockTokens, shape.length - first));
    first_tile = item % blocks.tile_groups() * kBlockTiles;
    tiles = static_cast<int>(std::min<std::size_t>(kBlockTiles, blocks.tiles() - first_tile));
  }

  std::size_t column(int i) const { return (first_tile + i) * kLanes; }
  /// Channels of the i-th tile that exist.
  int width(int i) const { return static_cast<int>(std::min<std::size_t>(kLanes, shape.channels - column(i))); }

  /// Row of a position relative to `first`, or null outside the sequence.
  template <class T>
  T* row(const MatrixView<T>& of, int position) const {
    const std::size_t at = first + position;  // wraps to a huge number in front of the sequence
    return at < shape.length ? of.row(shape.row(sample, at)) : nullptr;
  }

  template <class T>
  void gather(TileBuffer* to, const MatrixView<const T>& from, int begin, int end) const {
    for (int p = begin; p < end; ++p) {
      const T* source = row(from, p);
      for (int i = 0; i < tiles; ++i)
        to[i].set(p, source == nullptr ? Lanes{} : load_lanes(source + column(i), width(i)));
    }
  }

  template <class T>
  void scatter(const MatrixView<T>& to, const TileBuffer* from) const {
    for (int p = 0; p < count; ++p) {
      T* target = row(to, p);
      for (int i = 0; i < tiles; ++i) store_lanes(target + column(i), from[i][p], width(i));
    }
  }
};

/// w and bias of one tile, tap after tap.
struct TileWeights {
  Lanes w[kMaxTaps], bias;
  int taps;

  TileWeights(const View2<const float>& weights, const View1<const float>& biases, std::size_t column, int width)
      : bias(load_lanes(biases.data() + column, width)), taps(static_cast<int>(weights.extent(1))) {
    for (int k = 0; k < taps; ++k) {
      w[k] = Lanes{};
      for (int lane = 0; lane < width; ++lane) w[k][lane] = weights(column + lane, k);
    }
  }

  /// The convolution before SiLU.
  Lanes at(const TileBuffer& x, int position) const {
    Lanes a = bias;
    for (int k = 0; k < taps; ++k) a += w[k] * x[position - (taps - 1) + k];
    return a;
  }
};

template <class T>
struct CausalConv1dFwd {
  MatrixView<T> y;
  MatrixView<const T> x;
  View2<const float> w;
  View1<const float> bias;
  Blocks blocks;

  void operator()(std::size_t item) const {
    const Block block(blocks, item);
    TileBuffer in[kBlockTiles], out[kBlockTiles];
    block.gather(in, x, 1 - blocks.taps(), block.count);
    for (int i = 0; i < block.tiles; ++i) {
      const TileWeights weights(w, bias, block.column(i), block.width(i));
      for (int p = 0; p < block.count; ++p) out[i].set(p, weights.at(in[i], p));
      float* values = out[i].at(0);
      for (int j = 0; j < block.count * kLanes; ++j) values[j] = detail::Silu::value(values[j]);
    }
    block.scatter(y, out);
  }
};

template <class T>
struct CausalConv1dBwd {
  MatrixView<T> dx;
  MatrixView<const T> dy, x;
  View2<const float> w;
  View1<const float> bias;
  Blocks blocks;
  bool accumulate;
  Workspace sums;  // [block, tile, K + 1, lane]: dw of the K taps, then dbias

  void operator()(std::size_t item) const {
    const Block block(blocks, item);
    const int margin = blocks.taps() - 1;
    TileBuffer in[kBlockTiles], da[kBlockTiles], out[kBlockTiles];
    block.gather(in, x, -margin, block.count + margin);
    block.gather(da, dy, 0, block.count + margin);
    if (accumulate) block.gather(out, MatrixView<const T>(dx), 0, block.count);
    for (int i = 0; i < block.tiles; ++i) {
      const TileWeights weights(w, bias, block.column(i), block.width(i));
      multiply_by_slope(da[i], in[i], weights, block.count + margin);
      for (int p = 0; p < block.count; ++p) {
        Lanes sum = accumulate ? out[i][p] : Lanes{};
        for (int k = 0; k <= margin; ++k) sum += weights.w[k] * da[i][p + margin - k];
        out[i].set(p, sum);
      }
      const std::size_t slot = block.index * blocks.tiles() + block.first_tile + i;
      sum_parameters(sums.data() + slot * (blocks.taps() + 1) * kLanes, da[i], in[i], block.count);
    }
    block.scatter(dx, out);
  }

 private:
  // dy -> da = dy SiLU'(a)
  static void multiply_by_slope(TileBuffer& da, const TileBuffer& in, const TileWeights& weights, int count) {
    TileBuffer a;
    for (int p = 0; p < count; ++p) a.set(p, weights.at(in, p));
    float* values = da.at(0);
    const float* before_silu = a.at(0);
    for (int j = 0; j < count * kLanes; ++j) values[j] *= detail::Silu::slope(before_silu[j]);
  }

  void sum_parameters(float* to, const TileBuffer& da, const TileBuffer& in, int count) const {
    const int taps = blocks.taps();
    for (int k = 0; k < taps; ++k) {
      Lanes sum{};
      for (int p = 0; p < count; ++p) sum += da[p] * in[p - (taps - 1) + k];
      store_lanes(to + k * kLanes, sum);
    }
    Lanes sum{};
    for (int p = 0; p < count; ++p) sum += da[p];
    store_lanes(to + taps * kLanes, sum);
  }
};

/// Adds the blocks' gradients of the parameters of one channel, in order.
struct SumBlocks {
  View2<float> dw;
  View1<float> dbias;
  Blocks blocks;
  Workspace sums;

  void operator()(std::size_t e) const {
    const std::size_t taps = blocks.shape.taps, slots = blocks.shape.batch * blocks.along_length();
    for (std::size_t k = 0; k <= taps; ++k) {
      float total = 0;
      for (std::size_t slot = 0; slot < slots; ++slot)
        total += sums(((slot * blocks.tiles() + e / kLanes) * (taps + 1) + k) * kLanes + e % kLanes);
      (k < taps ? dw(e, k) : dbias(e)) += total;
    }
  }
};

template <class M>
ref::ConvShape conv_shape(const View2<const M>& w, std::size_t batch, std::size_t length, Direction direction) {
  BRAINMT_CHECK(w.extent(1) >= 1 && w.extent(1) <= kMaxTaps, "causal conv1d has {} taps, expected 1 to {}", w.extent(1),
                kMaxTaps);
  return {batch, length, w.extent(0), w.extent(1), direction};
}

}  // namespace

template <class T>
void causal_conv1d_silu_fwd(const Exec& exec, MatrixView<T> y, MatrixView<const T> x, View2<const Master<T>> w,
                            View1<const Master<T>> bias, std::size_t batch, std::size_t length, Direction direction) {
  const ref::ConvShape shape = conv_shape(w, batch, length, direction);
  const profile::Region region("brainmt::causal_conv1d::fwd", detail::conv1d_fwd_work(x, w.extent(1)));
  if constexpr (std::is_same_v<T, double>) {
    ref::causal_conv1d_silu_fwd(y, x, w.data(), bias.data(), shape);
  } else {
    const Blocks blocks{shape};
    Kokkos::parallel_for("brainmt::causal_conv1d::fwd", ItemPolicy(exec, 0, blocks.items()),
                         CausalConv1dFwd<T>{y, x, w, bias, blocks});
  }
}

template <class T>
void causal_conv1d_silu_bwd(const Exec& exec, MatrixView<T> dx, View2<Master<T>> dw, View1<Master<T>> dbias,
                            MatrixView<const T> dy, MatrixView<const T> x, View2<const Master<T>> w,
                            View1<const Master<T>> bias, std::size_t batch, std::size_t length, Direction direction,
                            bool accumulate) {
  const ref::ConvShape shape = conv_shape(w, batch, length, direction);
  const profile::Region region("brainmt::causal_conv1d::bwd", detail::conv1d_bwd_work(x, w.extent(1), accumulate));
  if constexpr (std::is_same_v<T, double>) {
    ref::causal_conv1d_silu_bwd(dx, dw.data(), dbias.data(), dy, x, w.data(), bias.data(), shape, accumulate);
  } else {
    const Blocks blocks{shape};
    const Workspace sums(Kokkos::view_alloc(Kokkos::WithoutInitializing, "brainmt::causal_conv1d::sums"),
                         batch * blocks.along_length() * blocks.tiles() * (shape.taps + 1) * kLanes);
    Kokkos::parallel_for("brainmt::causal_conv1d::bwd", ItemPolicy(exec, 0, blocks.items()),
                         CausalConv1dBwd<T>{dx, dy, x, w, bias, blocks, accumulate, sums});
    Kokkos::parallel_for("brainmt::causal_conv1d::bwd_sum_blocks", ItemPolicy(exec, 0, shape.channels),
                         SumBlocks{dw, dbias, blocks, sums});
  }
}

#define BRAINMT_INSTANTIATE(T)                                                                                     \
  template void causal_conv1d_silu_fwd<T>(const Exec&, MatrixView<T>, MatrixView<const T>, View2<const Master<T>>, \
                                          View1<const Master<T>>, std::size_t, std::size_t, Direction);            \
  template void causal_conv1d_silu_bwd<T>(const Exec&, MatrixView<T>, View2<Master<T>>, View1<Master<T>>,          \
                                          MatrixView<const T>, MatrixView<const T>, View2<const Master<T>>,        \
                                          View1<const Master<T>>, std::size_t, std::size_t, Direction, bool);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(bf16)
BRAINMT_INSTANTIATE(double)
#undef BRAINMT_INSTANTIATE

}  // namespace brainmt::kernels
