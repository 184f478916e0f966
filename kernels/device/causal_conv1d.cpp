// Causal depthwise convolution with SiLU, one work item a channel and kStretch positions: it slides over them with the
// last kMaxTaps inputs in registers. Weights are right-aligned among kMaxTaps taps, those that do not exist are 0.
//
// Backward, a stretch looks K - 1 positions ahead, because dx of a position gathers da of the next ones. Gradients of w
// and bias are summed inside a stretch, kept as [stretch, K + 1, E], and added up in order.
#include "kernels/causal_conv1d.hpp"

#include "base/error.hpp"
#include "kernels/detail/activation_math.hpp"
#include "kernels/detail/loops.hpp"
#include "kernels/detail/scratch.hpp"
#include "kernels/detail/work.hpp"
#include "kernels/ref/causal_conv1d.hpp"

namespace brainmt::kernels {
namespace {

constexpr int kMaxTaps = 8, kStretch = 32;

template <class M>
using Silu = std::conditional_t<std::is_same_v<M, double>, ref::Silu, detail::Silu>;

struct Layout {
  std::size_t batch, length, channels;
  int taps;
  Direction direction;

  KOKKOS_INLINE_FUNCTION std::size_t stretches() const { return (length + kStretch - 1) / kStretch; }
  std::size_t items() const { return batch * stretches() * channels; }
  /// Row of a position of a sample.
  KOKKOS_INLINE_FUNCTION std::size_t row(std::size_t sample, std::size_t position) const {
    return sample * length + token_at(direction, position, length);
  }
};

/// The stretch and channel of one work item; neighbours are neighbouring channels.
struct Item {
  std::size_t e, stretch, sample, first;  // stretch: among those of all samples
  int count;

  KOKKOS_INLINE_FUNCTION Item(const Layout& layout, std::size_t index)
      : e(index % layout.channels),
        stretch(index / layout.channels),
        sample(stretch / layout.stretches()),
        first(stretch % layout.stretches() * kStretch) {
    const std::size_t left = layout.length - first;
    count = static_cast<int>(left < kStretch ? left : kStretch);
  }
};

/// The last kMaxTaps values of something along the positions; [kMaxTaps - 1] is the newest.
template <class M>
struct Window {
  M at[kMaxTaps];

  KOKKOS_INLINE_FUNCTION Window() {
    for (int k = 0; k < kMaxTaps; ++k) at[k] = 0;
  }
  KOKKOS_INLINE_FUNCTION void push(M value) {
    for (int k = 0; k + 1 < kMaxTaps; ++k) at[k] = at[k + 1];
    at[kMaxTaps - 1] = value;
  }
};

template <class M>
struct Weights {
  M w[kMaxTaps], left[kMaxTaps], bias;  // left: tap k at k, for dx

  KOKKOS_INLINE_FUNCTION Weights(const View2<const M>& weights, const View1<const M>& biases, std::size_t e, int taps)
      : bias(biases(e)) {
    for (int k = 0; k < kMaxTaps; ++k) {
      w[k] = k < kMaxTaps - taps ? M(0) : weights(e, k - (kMaxTaps - taps));
      left[k] = k < taps ? weights(e, k) : M(0);
    }
  }
  /// The convolution before SiLU at the position of the newest input.
  KOKKOS_INLINE_FUNCTION M operator()(const Window<M>& x) const {
    M a = bias;
    for (int k = 0; k < kMaxTaps; ++k) a += w[k] * x.at[k];
    return a;
  }
};

/// The inputs in front of a stretch: those of its sample, 0 before the first.
template <class T>
KOKKOS_INLINE_FUNCTION Window<Master<T>> window_before(const MatrixView<const T>& x, const Layout& layout,
                                                       const Item& item) {
  Window<Master<T>> window;
  for (int back = layout.taps - 1; back > 0; --back) {
    const auto distance = static_cast<std::size_t>(back);
    window.push(item.first < distance
                    ? Master<T>(0)
                    : static_cast<Master<T>>(x(layout.row(item.sample, item.first - distance), item.e)));
  }
  return window;
}

template <class T>
struct CausalConv1dFwd {
  using M = Master<T>;
  MatrixView<T> y;
  MatrixView<const T> x;
  View2<const M> w;
  View1<const M> bias;
  Layout layout;

  KOKKOS_FUNCTION void operator()(std::size_t index) const {
    const Item item(layout, index);
    const Weights<M> weights(w, bias, item.e, layout.taps);
    Window<M> window = window_before(x, layout, item);
    for (int p = 0; p < item.count; ++p) {
      const std::size_t row = layout.row(item.sample, item.first + static_cast<std::size_t>(p));
      window.push(static_cast<M>(x(row, item.e)));
      y(row, item.e) = static_cast<T>(Silu<M>::value(weights(window)));
    }
  }
};

template <class T>
struct CausalConv1dBwd {
  using M = Master<T>;
  MatrixView<T> dx;
  MatrixView<const T> dy, x;
  View2<const M> w;
  View1<const M> bias;
  Layout layout;
  bool accumulate;
  M* sums;  // [stretch, K + 1, E]: dw of the K taps, then dbias

  KOKKOS_FUNCTION void operator()(std::size_t index) const {
    const Item item(layout, index);
    const Weights<M> weights(w, bias, item.e, layout.taps);
    Window<M> inputs = window_before(x, layout, item), gradients;  // gradients: da
    M dw[kMaxTaps], dbias = 0;
    for (int k = 0; k < kMaxTaps; ++k) dw[k] = 0;
    const int ahead = layout.taps - 1;
    for (int p = 0; p < item.count + ahead; ++p) {
      const std::size_t position = item.first + static_cast<std::size_t>(p);
      M da = 0;
      if (position < layout.length) {
        const std::size_t row = layout.row(item.sample, position);
        inputs.push(static_cast<M>(x(row, item.e)));
        da = static_cast<M>(dy(row, item.e)) * Silu<M>::slope(weights(inputs));
      }
      gradients.push(da);
      if (p < item.count) {
        dbias += da;
        for (int k = 0; k < kMaxTaps; ++k) dw[k] += da * inputs.at[k];
      }
      if (p >= ahead) write_dx(item, position - static_cast<std::size_t>(ahead), weights, gradients);
    }
    M* to = sums + item.stretch * static_cast<std::size_t>(layout.taps + 1) * layout.channels + item.e;
    for (int k = 0; k < kMaxTaps; ++k) {
      const int tap = k - (kMaxTaps - layout.taps);
      if (tap >= 0) to[static_cast<std::size_t>(tap) * layout.channels] = dw[k];
    }
    to[static_cast<std::size_t>(layout.taps) * layout.channels] = dbias;
  }

 private:
  // dx_p = sum_k w[k] da_{p + (K - 1) - k}; the newest of `gradients` is da_{p + (K - 1)}, which meets tap 0.
  KOKKOS_INLINE_FUNCTION void write_dx(const Item& item, std::size_t position, const Weights<M>& weights,
                                       const Window<M>& gradients) const {
    T& out = dx(layout.row(item.sample, position), item.e);
    M sum = accumulate ? static_cast<M>(out) : M(0);
    for (int k = 0; k < kMaxTaps; ++k) sum += weights.left[k] * gradients.at[kMaxTaps - 1 - k];
    out = static_cast<T>(sum);
  }
};

/// Adds the stretches' gradients of one parameter, in order; one work item an entry of [K + 1, E].
template <class M>
struct SumStretches {
  View2<M> dw;
  View1<M> dbias;
  const M* sums;
  std::size_t stretches, channels, taps;

  KOKKOS_FUNCTION void operator()(std::size_t index) const {
    M total = 0;
    for (std::size_t s = 0; s < stretches; ++s) total += sums[s * (taps + 1) * channels + index];
    const std::size_t e = index % channels, k = index / channels;
    (k < taps ? dw(e, k) : dbias(e)) += total;
  }
};

template <class M>
Layout layout_of(const View2<const M>& w, std::size_t batch, std::size_t length, Direction direction) {
  BRAINMT_CHECK(w.extent(1) >= 1 && w.extent(1) <= kMaxTaps, "causal conv1d has {} taps, expected 1 to {}", w.extent(1),
                kMaxTaps);
  return {batch, length, w.extent(0), static_cast<int>(w.extent(1)), direction};
}

}  // namespace

template <class T>
void causal_conv1d_silu_fwd(const Exec& exec, MatrixView<T> y, MatrixView<const T> x, View2<const Master<T>> w,
                            View1<const Master<T>> bias, std::size_t batch, std::size_t length, Direction direction) {
  const Layout layout = layout_of(w, batch, length, direction);
  const profile::Region region("brainmt::causal_conv1d::fwd", detail::conv1d_fwd_work(x, w.extent(1)));
  detail::for_each(exec, "brainmt::causal_conv1d::fwd", layout.items(), CausalConv1dFwd<T>{y, x, w, bias, layout});
}

template <class T>
void causal_conv1d_silu_bwd(const Exec& exec, MatrixView<T> dx, View2<Master<T>> dw, View1<Master<T>> dbias,
                            MatrixView<const T> dy, MatrixView<const T> x, View2<const Master<T>> w,
                            View1<const Master<T>> bias, std::size_t batch, std::size_t length, Direction direction,
                            bool accumulate) {
  const Layout layout = layout_of(w, batch, length, direction);
  const profile::Region region("brainmt::causal_conv1d::bwd", detail::conv1d_bwd_work(x, w.extent(1), accumulate));
  const std::size_t stretches = batch * layout.stretches(), rows = w.extent(1) + 1;
  const detail::Scratch<Master<T>> sums(stretches * rows * layout.channels);
  detail::for_each(exec, "brainmt::causal_conv1d::bwd", layout.items(),
                   CausalConv1dBwd<T>{dx, dy, x, w, bias, layout, accumulate, sums.data()});
  detail::for_each(exec, "brainmt::causal_conv1d::bwd_sum_stretches", rows * layout.channels,
                   SumStretches<Master<T>>{dw, dbias, sums.data(), stretches, layout.channels, w.extent(1)});
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
