// Backward passes of kernels/norm.hpp. A block of rows shares one partial sum of dw and dbias (detail/row_blocks.hpp).
#include "kernels/detail/row_blocks.hpp"
#include "kernels/detail/work.hpp"
#include "kernels/norm.hpp"
#include "kernels/ref/norm.hpp"

namespace brainmt::kernels {
namespace {

template <class R, class T>
struct Row {
  using M = Master<T>;
  R* dx;
  const T* dy;
  const R* x;
  M mean, rstd;  // mean 0 for kRms

  KOKKOS_INLINE_FUNCTION M xhat(std::size_t c) const { return (static_cast<M>(x[c]) - mean) * rstd; }
};

// dx of one row, and its share of dw and (kLayer) dbias.
template <Norm kNorm, bool kAccumulate, class R, class T, class M>
KOKKOS_INLINE_FUNCTION void row_bwd(const detail::RowTeam& team, const Row<R, T>& row, M* dw, M* dbias, const M* w,
                                    std::size_t cols) {
  const auto g = [=](std::size_t c) { return static_cast<M>(row.dy[c]) * w[c]; };
  M mean_g = 0;
  if constexpr (kNorm == Norm::kLayer) mean_g = detail::row_sum<M>(team, cols, g) / static_cast<M>(cols);
  const M mean_g_xhat =
      detail::row_sum<M>(team, cols, [=](std::size_t c) { return g(c) * row.xhat(c); }) / static_cast<M>(cols);
  detail::row_for(team, cols, [=](std::size_t c) {
    const M dy = row.dy[c], xhat = row.xhat(c);
    dw[c] += dy * xhat;
    if constexpr (kNorm == Norm::kLayer) dbias[c] += dy;
    M gradient = row.rstd * (dy * w[c] - mean_g - xhat * mean_g_xhat);
    if constexpr (kAccumulate) gradient += static_cast<M>(row.dx[c]);
    row.dx[c] = static_cast<R>(gradient);
  });
}

template <Norm kNorm, bool kAccumulate, class R, class T>
void norm_bwd(const Exec& exec, const std::string& label, View2<R> dx, View1<Master<T>> dw, View1<Master<T>> dbias,
              View2<const T> dy, View2<const R> x, View1<const Master<T>> mean, View1<const Master<T>> rstd,
              View1<const Master<T>> w) {
  using M = Master<T>;
  detail::count_traffic(label.c_str(), dx, dy, x);
  if constexpr (kAccumulate) detail::count_traffic(label.c_str(), dx);  // which is read too
  const std::size_t cols = x.extent(1), sums = kNorm == Norm::kLayer ? 2 * cols : cols;
  const detail::RowBlocks blocks(x.extent(0), sums);
  const auto scratch = detail::make_partials<M>(blocks, sums);
  const View2<M> partials = scratch.matrix(blocks.count);
  detail::for_each_row(
      exec, label, blocks.count, KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t block) {
        M* sum_dw = &partials(block, 0);
        M* sum_dbias = sum_dw + cols;
        detail::row_for(team, cols, [=](std::size_t c) {
          sum_dw[c] = 0;
          if constexpr (kNorm == Norm::kLayer) sum_dbias[c] = 0;
        });
        for (std::size_t r = blocks.begin(block); r < blocks.end(block); ++r) {
          const M centre = kNorm == Norm::kLayer ? mean(r) : M(0);
          row_bwd<kNorm, kAccumulate>(team, Row<R, T>{&dx(r, 0), &dy(r, 0), &x(r, 0), centre, rstd(r)}, sum_dw,
                                      sum_dbias, w.data(), cols);
        }
      });
  detail::add_partials<M>(exec, label, dw, partials, 0);
  if constexpr (kNorm == Norm::kLayer) detail::add_partials<M>(exec, label, dbias, partials, cols);
}

}  // namespace

template <class R, class T>
void layer_norm_bwd(const Exec& exec, View2<R> dx, View1<Master<T>> dw, View1<Master<T>> dbias, View2<const T> dy,
                    View2<const R> x, View1<const Master<T>> mean, View1<const Master<T>> rstd,
                    View1<const Master<T>> w, bool accumulate) {
  if constexpr (detail::kRunsOracle<T>) {
    ref::layer_norm_bwd(dx.data(), dw.data(), dbias.data(), dy.data(), x.data(), mean.data(), rstd.data(), w.data(),
                        x.extent(0), x.extent(1), accumulate);
  } else {
    const auto pass = accumulate ? norm_bwd<Norm::kLayer, true, R, T> : norm_bwd<Norm::kLayer, false, R, T>;
    pass(exec, "brainmt::layer_norm::bwd", dx, dw, dbias, dy, x, mean, rstd, w);
  }
}

template <class R, class T>
void rms_norm_bwd(const Exec& exec, View2<R> dx, View1<Master<T>> dw, View2<const T> dy, View2<const R> x,
                  View1<const Master<T>> rstd, View1<const Master<T>> w, bool accumulate) {
  if constexpr (detail::kRunsOracle<T>) {
    ref::rms_norm_bwd(dx.data(), dw.data(), dy.data(), x.data(), rstd.data(), w.data(), x.extent(0), x.extent(1),
                      accumulate);
  } else {
    const auto pass = accumulate ? norm_bwd<Norm::kRms, true, R, T> : norm_bwd<Norm::kRms, false, R, T>;
    pass(exec, "brainmt::rms_norm::bwd", dx, dw, {}, dy, x, {}, rstd, w);
  }
}

#define BRAINMT_INSTANTIATE(R, T)                                                                               \
  template void layer_norm_bwd<R, T>(const Exec&, View2<R>, View1<Master<T>>, View1<Master<T>>, View2<const T>, \
                                     View2<const R>, View1<const Master<T>>, View1<const Master<T>>,            \
                                     View1<const Master<T>>, bool);                                             \
  template void rms_norm_bwd<R, T>(const Exec&, View2<R>, View1<Master<T>>, View2<const T>, View2<const R>,     \
                                   View1<const Master<T>>, View1<const Master<T>>, bool);
BRAINMT_INSTANTIATE(float, float)
BRAINMT_INSTANTIATE(float, bf16)
BRAINMT_INSTANTIATE(bf16, bf16)
BRAINMT_INSTANTIATE(double, double)
#undef BRAINMT_INSTANTIATE

}  // namespace brainmt::kernels
