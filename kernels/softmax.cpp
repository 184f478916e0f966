#include "kernels/softmax.hpp"

#include <cmath>

#include "kernels/detail/loops.hpp"
#include "kernels/detail/vector_math.hpp"

namespace brainmt::kernels {
namespace {

template <class M>
KOKKOS_INLINE_FUNCTION M exponential(M x) {
  if constexpr (std::is_same_v<M, double>)
    return std::exp(x);
  else
    return detail::vexp(x);
}

}  // namespace

template <class T>
void softmax_fwd(const Exec& exec, MatrixView<T> p, View1<Master<T>> lse, MatrixView<const Master<T>> logits,
                 Master<T> scale) {
  using M = Master<T>;
  const std::size_t keys = p.cols;
  detail::for_each_row(
      exec, "brainmt::softmax::fwd", p.rows, KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        const M* s = &logits(row, 0);
        T* weight = &p(row, 0);
        const M largest = scale * detail::row_max<M>(team, keys, [=](std::size_t j) { return s[j]; });
        const M sum =
            detail::row_sum<M>(team, keys, [=](std::size_t j) { return exponential(scale * s[j] - largest); });
        const M log_sum = largest + std::log(sum);
        lse(row) = log_sum;
        detail::row_for(team, keys,
                        [=](std::size_t j) { weight[j] = static_cast<T>(exponential(scale * s[j] - log_sum)); });
      });
}

template <class T>
void softmax_again(const Exec& exec, MatrixView<T> p, MatrixView<const Master<T>> logits, View1<const Master<T>> lse,
                   Master<T> scale) {
  const std::size_t keys = p.cols;
  detail::for_each_row(
      exec, "brainmt::softmax::again", p.rows, KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        const Master<T>* s = &logits(row, 0);
        T* weight = &p(row, 0);
        const Master<T> log_sum = lse(row);
        detail::row_for(team, keys,
                        [=](std::size_t j) { weight[j] = static_cast<T>(exponential(scale * s[j] - log_sum)); });
      });
}

template <class T>
void softmax_bwd(const Exec& exec, MatrixView<T> dlogits, MatrixView<const T> p, MatrixView<const Master<T>> dp,
                 Master<T> scale) {
  using M = Master<T>;
  const std::size_t keys = p.cols;
  detail::for_each_row(
      exec, "brainmt::softmax::bwd", p.rows, KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        const T* weight = &p(row, 0);
        const M* gradient = &dp(row, 0);
        T* out = &dlogits(row, 0);
        const M mean =
            detail::row_sum<M>(team, keys, [=](std::size_t j) { return static_cast<M>(weight[j]) * gradient[j]; });
        detail::row_for(team, keys, [=](std::size_t j) {
          out[j] = static_cast<T>(scale * static_cast<M>(weight[j]) * (gradient[j] - mean));
        });
      });
}

#define BRAINMT_INSTANTIATE(T)                                                                                        \
  template void softmax_fwd<T>(const Exec&, MatrixView<T>, View1<Master<T>>, MatrixView<const Master<T>>, Master<T>); \
  template void softmax_again<T>(const Exec&, MatrixView<T>, MatrixView<const Master<T>>, View1<const Master<T>>,     \
                                 Master<T>);                                                                          \
  template void softmax_bwd<T>(const Exec&, MatrixView<T>, MatrixView<const T>, MatrixView<const Master<T>>, Master<T>);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(bf16)
BRAINMT_INSTANTIATE(double)
#undef BRAINMT_INSTANTIATE

}  // namespace brainmt::kernels
