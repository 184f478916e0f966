#include "kernels/graph.hpp"

#include "kernels/detail/loops.hpp"
#include "kernels/detail/work.hpp"

namespace brainmt::kernels {

template <class T>
void swap_nodes(const Exec& exec, View4<T> y, View4<const T> x) {
  detail::count_traffic("brainmt::graph::swap", y, x);
  const std::size_t p_count = x.extent(1), channels = x.extent(2), q_count = x.extent(3);
  detail::for_each(
      exec, "brainmt::graph::swap", x.size(), KOKKOS_LAMBDA(std::size_t i) {
        const std::size_t p = i % p_count, c = i / p_count % channels, q = i / (p_count * channels) % q_count;
        y.data()[i] = x(i / (p_count * channels * q_count), p, c, q);
      });
}

template <class T>
void outer_sum_fwd(const Exec& exec, View4<T> y, View3<const T> rows, View3<const T> columns) {
  detail::count_traffic("brainmt::graph::outer_sum_fwd", y, rows, columns);
  const std::size_t p_count = y.extent(1), channels = y.extent(2), q_count = y.extent(3);
  detail::for_each(
      exec, "brainmt::graph::outer_sum_fwd", y.size(), KOKKOS_LAMBDA(std::size_t i) {
        const std::size_t q = i % q_count, c = i / q_count % channels, p = i / (q_count * channels) % p_count;
        const std::size_t b = i / (q_count * channels * p_count);
        y.data()[i] = static_cast<T>(static_cast<Master<T>>(rows(b, p, c)) + static_cast<Master<T>>(columns(b, q, c)));
      });
}

template <class T>
void outer_sum_bwd(const Exec& exec, View3<T> drows, View3<T> dcolumns, View4<const T> dy) {
  detail::count_traffic("brainmt::graph::outer_sum_bwd", drows, dcolumns, dy, dy);
  const std::size_t p_count = dy.extent(1), channels = dy.extent(2), q_count = dy.extent(3);
  detail::for_each(
      exec, "brainmt::graph::outer_sum_rows_bwd", drows.size(), KOKKOS_LAMBDA(std::size_t i) {
        const std::size_t c = i % channels, p = i / channels % p_count, b = i / (channels * p_count);
        Master<T> sum = 0;
        for (std::size_t q = 0; q < q_count; ++q) sum += static_cast<Master<T>>(dy(b, p, c, q));
        drows.data()[i] = static_cast<T>(sum);
      });
  detail::for_each(
      exec, "brainmt::graph::outer_sum_columns_bwd", dcolumns.size(), KOKKOS_LAMBDA(std::size_t i) {
        const std::size_t q = i % q_count, c = i / q_count % channels, b = i / (channels * q_count);
        Master<T> sum = 0;
        for (std::size_t p = 0; p < p_count; ++p) sum += static_cast<Master<T>>(dy(b, p, c, q));
        dcolumns(b, q, c) = static_cast<T>(sum);
      });
}

template <class T>
void leaky_relu_fwd(const Exec& exec, View1<T> y, View1<const T> x, Master<T> slope) {
  detail::count_traffic("brainmt::graph::leaky_relu_fwd", y, x);
  detail::for_each(
      exec, "brainmt::graph::leaky_relu_fwd", y.size(), KOKKOS_LAMBDA(std::size_t i) {
        const auto value = static_cast<Master<T>>(x(i));
        y(i) = static_cast<T>(value > 0 ? value : slope * value);
      });
}

template <class T>
void leaky_relu_bwd(const Exec& exec, View1<T> dx, View1<const T> dy, View1<const T> x, Master<T> slope) {
  detail::count_traffic("brainmt::graph::leaky_relu_bwd", dx, dy, x);
  detail::for_each(
      exec, "brainmt::graph::leaky_relu_bwd", dx.size(), KOKKOS_LAMBDA(std::size_t i) {
        const auto gradient = static_cast<Master<T>>(dy(i));
        dx(i) = static_cast<T>(static_cast<Master<T>>(x(i)) > 0 ? gradient : slope * gradient);
      });
}

template <class T>
void scale_features(const Exec& exec, View2<T> y, View2<const T> x, View2<const float> factors) {
  detail::count_traffic("brainmt::graph::scale_features", y, x, factors);
  const std::size_t width = y.extent(1);
  detail::for_each(
      exec, "brainmt::graph::scale_features", y.size(), KOKKOS_LAMBDA(std::size_t i) {
        const std::size_t b = i / width, c = i % width;
        y(b, c) = static_cast<T>(static_cast<Master<T>>(x(b, c)) * static_cast<Master<T>>(factors(c, b)));
      });
}

#define BRAINMT_INSTANTIATE(T)                                                                       \
  template void swap_nodes<T>(const Exec&, View4<T>, View4<const T>);                                \
  template void outer_sum_fwd<T>(const Exec&, View4<T>, View3<const T>, View3<const T>);             \
  template void outer_sum_bwd<T>(const Exec&, View3<T>, View3<T>, View4<const T>);                   \
  template void leaky_relu_fwd<T>(const Exec&, View1<T>, View1<const T>, Master<T>);                 \
  template void leaky_relu_bwd<T>(const Exec&, View1<T>, View1<const T>, View1<const T>, Master<T>); \
  template void scale_features<T>(const Exec&, View2<T>, View2<const T>, View2<const float>);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(double)
BRAINMT_INSTANTIATE(bf16)
#undef BRAINMT_INSTANTIATE

}  // namespace brainmt::kernels
