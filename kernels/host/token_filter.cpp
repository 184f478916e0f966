// The filter along tokens, 16 channels of a head at a time. Double runs the oracle.
//
// Forward and data gradient: kRows results are kept in registers while the inputs that they share go by, so that an
// input is loaded once for kRows multiply-adds. Weight gradient: kTaps sums are kept in registers while rows go by;
// items are kBlock rows of one tile, whose sums are added in order.
#include <algorithm>

#include "base/lanes.hpp"
#include "kernels/detail/filter_shape.hpp"
#include "kernels/detail/host_items.hpp"
#include "kernels/detail/scratch.hpp"

namespace brainmt::kernels {
namespace {

constexpr std::size_t kRows = 8, kTaps = 13;  // 65 taps are five groups of 13
constexpr std::size_t kBlock = 128;           // rows of a work item

using detail::ItemPolicy;

// Tiles of at most 16 channels, each inside of one head.
struct Tiles {
  FilterShape s;

  std::size_t of_head() const { return (s.width() + kLanes - 1) / kLanes; }
  std::size_t count() const { return of_head() * s.heads; }
  std::size_t blocks() const { return (s.length + kBlock - 1) / kBlock; }
  std::size_t items() const { return s.batch * blocks() * count(); }
};

struct Item {
  std::size_t head, column, first_row, begin, end, slot;  // rows [begin, end) of the sample that starts at first_row
  int width;

  Item(const Tiles& tiles, std::size_t index) : slot(index / tiles.count()) {
    const FilterShape& s = tiles.s;
    const std::size_t tile = index % tiles.count(), of_head = tile % tiles.of_head();
    head = tile / tiles.of_head();
    column = head * s.width() + of_head * kLanes;
    width = static_cast<int>(std::min<std::size_t>(kLanes, s.width() - of_head * kLanes));
    first_row = slot / tiles.blocks() * s.length;
    begin = slot % tiles.blocks() * kBlock;
    end = std::min(begin + kBlock, s.length);
  }

  template <class T>
  Lanes load(const MatrixView<const T>& x, std::size_t row) const {
    return load_lanes(x.row(first_row + row, column), width);
  }
};

template <class T>
struct Filter {
  MatrixView<T> y;
  MatrixView<const T> x;
  View2<const float> w;
  Tiles tiles;
  bool flipped;

  void operator()(std::size_t index) const {
    const Item item(tiles, index);
    const std::size_t taps = tiles.s.taps;
    // Tap k stands at kRows - 1 + k, with zeros around, so that each input meets all results of a group.
    float padded[kMaxFilterTaps + 2 * (kRows - 1)] = {};
    for (std::size_t k = 0; k < taps; ++k) padded[kRows - 1 + k] = w(item.head, flipped ? taps - 1 - k : k);
    for (std::size_t l = item.begin; l < item.end; l += kRows) rows_from(item, l, padded);
  }

 private:
  void rows_from(const Item& item, std::size_t l, const float* padded) const {
    const FilterShape& s = tiles.s;
    Lanes sums[kRows] = {};
    const std::size_t first = l < s.half() ? 0 : l - s.half(), last = std::min(l + kRows + s.half(), s.length);
    for (std::size_t at = first; at < last; ++at) {
      const Lanes value = item.load(x, at);
      // Result i takes tap at - (l + i) + K/2.
      const float* tap = padded + (kRows - 1) + (at + s.half() - l);
      for (std::size_t i = 0; i < kRows; ++i) sums[i] += *(tap - i) * value;
    }
    const std::size_t count = std::min(kRows, item.end - l);
    for (std::size_t i = 0; i < count; ++i)
      store_lanes(y.row(item.first_row + l + i, item.column), sums[i], item.width);
  }
};

template <class T>
struct WeightGradient {
  MatrixView<const T> dy, x;
  Tiles tiles;
  float* sums;  // [slot, tile, K]

  void operator()(std::size_t index) const {
    const Item item(tiles, index);
    const FilterShape& s = tiles.s;
    float* out = sums + index * s.taps;
    // The inputs of the block in float, with zeros outside of the sequence: row r is that of token begin + r - K/2.
    alignas(64) float inputs[(kBlock + kMaxFilterTaps) * kLanes];
    const std::size_t rows = item.end - item.begin;
    for (std::size_t r = 0; r < rows + s.taps - 1; ++r) {
      const std::size_t at = item.begin + r - s.half();
      store_lanes(inputs + r * kLanes, at < s.length ? item.load(x, at) : Lanes{});
    }
    alignas(64) float gradients[kBlock * kLanes];
    for (std::size_t r = 0; r < rows; ++r) store_lanes(gradients + r * kLanes, item.load(dy, item.begin + r));
    std::size_t k = 0;
    for (; k + kTaps <= s.taps; k += kTaps) add_taps<kTaps>(out + k, gradients, inputs + k * kLanes, rows);
    for (; k < s.taps; ++k) add_taps<1>(out + k, gradients, inputs + k * kLanes, rows);
  }

 private:
  template <std::size_t kCount>
  static void add_taps(float* out, const float* dy, const float* x, std::size_t rows) {
    Lanes sum[kCount] = {};
    for (std::size_t r = 0; r < rows; ++r) {
      const Lanes g = load_lanes(dy + r * kLanes);
      for (std::size_t i = 0; i < kCount; ++i) sum[i] += g * load_lanes(x + (r + i) * kLanes);
    }
    for (std::size_t i = 0; i < kCount; ++i) {
      float total = 0;
      for (int lane = 0; lane < kLanes; ++lane) total += sum[i][lane];
      out[i] = total;
    }
  }
};

template <class T>
void filter(const Exec& exec, const char* label, MatrixView<T> y, MatrixView<const T> x, View2<const Master<T>> w,
            std::size_t batch, bool flipped) {
  const FilterShape s = detail::filter_shape(x, w, batch);
  const profile::Region region(label, detail::filter_work(x, s, 2));
  if constexpr (std::is_same_v<T, double>) {
    ref::token_filter(y, x, w.data(), s, flipped);
  } else {
    const Tiles tiles{s};
    Kokkos::parallel_for(label, ItemPolicy(exec, 0, tiles.items()), Filter<T>{y, x, w, tiles, flipped});
  }
}

}  // namespace

template <class T>
void token_filter_fwd(const Exec& exec, MatrixView<T> y, MatrixView<const T> x, View2<const Master<T>> w,
                      std::size_t batch) {
  filter<T>(exec, "brainmt::token_filter::fwd", y, x, w, batch, false);
}

template <class T>
void token_filter_bwd_data(const Exec& exec, MatrixView<T> dx, MatrixView<const T> dy, View2<const Master<T>> w,
                           std::size_t batch) {
  filter<T>(exec, "brainmt::token_filter::bwd_data", dx, dy, w, batch, true);
}

template <class T>
void token_filter_bwd_weights(const Exec& exec, View2<Master<T>> dw, MatrixView<const T> dy, MatrixView<const T> x,
                              std::size_t batch) {
  const FilterShape s = detail::filter_shape(x, dw, batch);
  const profile::Region region("brainmt::token_filter::bwd_weights", detail::filter_work(x, s, 2));
  if constexpr (std::is_same_v<T, double>) {
    ref::token_filter_bwd_weights(dw.data(), dy, x, s);
  } else {
    const Tiles tiles{s};
    const detail::Scratch<float> sums(tiles.items() * s.taps);
    const float* partial = sums.data();
    Kokkos::parallel_for("brainmt::token_filter::bwd_weights", ItemPolicy(exec, 0, tiles.items()),
                         WeightGradient<T>{dy, x, tiles, sums.data()});
    Kokkos::parallel_for("brainmt::token_filter::sum_blocks", ItemPolicy(exec, 0, s.heads * s.taps),
                         [=](std::size_t i) {
                           const std::size_t head = i / s.taps, k = i % s.taps;
                           double total = 0;
                           for (std::size_t slot = 0; slot < s.batch * tiles.blocks(); ++slot)
                             for (std::size_t t = 0; t < tiles.of_head(); ++t)
                               total += partial[(slot * tiles.count() + head * tiles.of_head() + t) * s.taps + k];
                           dw(head, k) += static_cast<float>(total);
                         });
  }
}

#define BRAINMT_INSTANTIATE(T)                                                                                       \
  template void token_filter_fwd<T>(const Exec&, MatrixView<T>, MatrixView<const T>, View2<const Master<T>>,         \
                                    std::size_t);                                                                    \
  template void token_filter_bwd_data<T>(const Exec&, MatrixView<T>, MatrixView<const T>, View2<const Master<T>>,    \
                                         std::size_t);                                                               \
  template void token_filter_bwd_weights<T>(const Exec&, View2<Master<T>>, MatrixView<const T>, MatrixView<const T>, \
                                            std::size_t);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(bf16)
BRAINMT_INSTANTIATE(double)
#undef BRAINMT_INSTANTIATE

}  // namespace brainmt::kernels
