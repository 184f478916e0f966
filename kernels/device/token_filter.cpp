// The filter along tokens with a work item for each result; neighbours are neighbouring channels. Inputs are read K
// times, from cache. Weight gradient: a warp sums one tap over kBlock rows of one head, then blocks are added in order.
#include "kernels/detail/filter_shape.hpp"
#include "kernels/detail/loops.hpp"
#include "kernels/detail/scratch.hpp"

namespace brainmt::kernels {
namespace {

constexpr std::size_t kBlock = 64;

template <class T>
void filter(const Exec& exec, const char* label, MatrixView<T> y, MatrixView<const T> x, View2<const Master<T>> w,
            std::size_t batch, bool flipped) {
  const FilterShape s = detail::filter_shape(x, w, batch);
  const profile::Region region(label, detail::filter_work(x, s, 2));
  detail::for_each(
      exec, label, x.rows * s.channels, KOKKOS_LAMBDA(std::size_t i) {
        const std::size_t c = i % s.channels, row = i / s.channels, l = row % s.length, head = c / s.width();
        Master<T> sum = 0;
        for (std::size_t k = 0; k < s.taps; ++k) {
          const std::size_t at = l + k - s.half();  // wraps to a huge number in front of the sequence
          if (at < s.length) sum += w(head, flipped ? s.taps - 1 - k : k) * static_cast<Master<T>>(x(row - l + at, c));
        }
        y(row, c) = static_cast<T>(sum);
      });
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
  using M = Master<T>;
  const FilterShape s = detail::filter_shape(x, dw, batch);
  const profile::Region region("brainmt::token_filter::bwd_weights", detail::filter_work(x, s, 2));
  const std::size_t along = (s.length + kBlock - 1) / kBlock, slots = s.batch * along;
  const detail::Scratch<M> sums(slots * s.heads * s.taps);
  M* partial = sums.data();
  detail::for_each_row(
      exec, "brainmt::token_filter::bwd_weights", slots * s.heads * s.taps,
      KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t i) {
        const std::size_t k = i % s.taps, head = i / s.taps % s.heads, slot = i / (s.taps * s.heads);
        const std::size_t first_row = slot / along * s.length, begin = slot % along * kBlock;
        const std::size_t left = s.length - begin, rows = left < kBlock ? left : kBlock, width = s.width();
        partial[i] = detail::row_sum<M>(team, rows * width, [=](std::size_t j) {
          const std::size_t l = begin + j / width, c = head * width + j % width, at = l + k - s.half();
          return at < s.length ? static_cast<M>(dy(first_row + l, c)) * static_cast<M>(x(first_row + at, c)) : M(0);
        });
      });
  detail::for_each(
      exec, "brainmt::token_filter::sum_blocks", s.heads * s.taps, KOKKOS_LAMBDA(std::size_t i) {
        M total = 0;
        for (std::size_t slot = 0; slot < slots; ++slot) total += partial[slot * s.heads * s.taps + i];
        dw(i / s.taps, i % s.taps) += total;
      });
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
