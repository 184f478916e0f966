// One pass over contiguous arrays; each instantiation covers one destination type.
#include "kernels/elementwise.hpp"

#include "kernels/detail/loops.hpp"
#include "kernels/detail/work.hpp"

namespace brainmt::kernels {

template <class To, class From>
void cast(const Exec& exec, View1<To> out, View1<const From> in) {
  detail::count_traffic("brainmt::elementwise::cast", out, in);
  To* o = out.data();
  const From* x = in.data();
  detail::for_each(
      exec, "brainmt::elementwise::cast", out.extent(0), KOKKOS_LAMBDA(std::size_t i) {
        o[i] = static_cast<To>(static_cast<Master<To>>(static_cast<Master<From>>(x[i])));
      });
}

template <class T>
void cast_rows(const Exec& exec, MatrixView<T> out, MatrixView<const Master<T>> in) {
  detail::count_traffic("brainmt::elementwise::cast_rows", out, in);
  const std::size_t cols = out.cols;
  detail::for_each_row(
      exec, "brainmt::elementwise::cast_rows", out.rows, KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        T* to = &out(row, 0);
        const Master<T>* from = &in(row, 0);
        detail::row_for(team, cols, [=](std::size_t c) { to[c] = static_cast<T>(from[c]); });
      });
}

template <class T>
void axpby(const Exec& exec, View1<T> y, Master<T> alpha, View1<const T> x, Master<T> beta) {
  using M = Master<T>;
  detail::count_traffic("brainmt::elementwise::axpby", y, x);
  T* out = y.data();
  const T* in = x.data();
  if (beta == M(0)) {
    detail::for_each(
        exec, "brainmt::elementwise::axpby", y.extent(0),
        KOKKOS_LAMBDA(std::size_t i) { out[i] = static_cast<T>(alpha * static_cast<M>(in[i])); });
  } else {
    detail::count_traffic("brainmt::elementwise::axpby", y);  // which is read too
    detail::for_each(
        exec, "brainmt::elementwise::axpby", y.extent(0), KOKKOS_LAMBDA(std::size_t i) {
          out[i] = static_cast<T>(alpha * static_cast<M>(in[i]) + beta * static_cast<M>(out[i]));
        });
  }
}

template <class T>
void fill(const Exec& exec, View1<T> y, Master<T> value) {
  detail::count_traffic("brainmt::elementwise::fill", y);
  T* out = y.data();
  const T stored = static_cast<T>(value);
  detail::for_each(
      exec, "brainmt::elementwise::fill", y.extent(0), KOKKOS_LAMBDA(std::size_t i) { out[i] = stored; });
}

#define BRAINMT_INSTANTIATE(To)                                                             \
  template void cast<To, float>(const Exec&, View1<To>, View1<const float>);                \
  template void cast<To, bf16>(const Exec&, View1<To>, View1<const bf16>);                  \
  template void cast<To, double>(const Exec&, View1<To>, View1<const double>);              \
  template void axpby<To>(const Exec&, View1<To>, Master<To>, View1<const To>, Master<To>); \
  template void cast_rows<To>(const Exec&, MatrixView<To>, MatrixView<const Master<To>>);   \
  template void fill<To>(const Exec&, View1<To>, Master<To>);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(bf16)
BRAINMT_INSTANTIATE(double)
#undef BRAINMT_INSTANTIATE

}  // namespace brainmt::kernels
