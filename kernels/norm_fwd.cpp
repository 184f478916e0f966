// Forward passes of kernels/norm.hpp. A row is read twice more from cache than from memory: mean, centred squares,
// result, so that the variance never cancels.
#include <cmath>

#include "kernels/detail/loops.hpp"
#include "kernels/detail/work.hpp"
#include "kernels/norm.hpp"
#include "kernels/ref/norm.hpp"

namespace brainmt::kernels {
namespace {

template <class M>
struct Parameters {
  const M *w, *bias;  // bias only for kLayer
  M eps;
};

// Normalises one row x into y and keeps its statistics (mean only for kLayer).
template <Norm kNorm, class T, class R, class M>
KOKKOS_INLINE_FUNCTION void normalise(const detail::RowTeam& team, T* y, M* mean, M* rstd, const R* x,
                                      const Parameters<M>& p, std::size_t cols) {
  const M count = static_cast<M>(cols);
  M centre = 0;
  if constexpr (kNorm == Norm::kLayer) {
    centre = detail::row_sum<M>(team, cols, [=](std::size_t c) { return static_cast<M>(x[c]); }) / count;
    *mean = centre;
  }
  const M squares = detail::row_sum<M>(team, cols, [=](std::size_t c) {
    const M d = static_cast<M>(x[c]) - centre;
    return d * d;
  });
  const M factor = M(1) / std::sqrt(squares / count + p.eps);
  *rstd = factor;
  const M *w = p.w, *bias = p.bias;
  detail::row_for(team, cols, [=](std::size_t c) {
    const M scaled = (static_cast<M>(x[c]) - centre) * factor * w[c];
    if constexpr (kNorm == Norm::kLayer)
      y[c] = static_cast<T>(scaled + bias[c]);
    else
      y[c] = static_cast<T>(scaled);
  });
}

KOKKOS_INLINE_FUNCTION float scale_of(const View1<const float>& scale, std::size_t row, std::size_t rows_per_sample) {
  return scale.extent(0) == 0 ? 1.0f : scale(row / rows_per_sample);
}

template <class M, class T>
KOKKOS_INLINE_FUNCTION void add_row(const detail::RowTeam& team, M* out, const M* residual, const T* hidden,
                                    float scale, std::size_t cols) {
  const M s = scale;
  detail::row_for(team, cols, [=](std::size_t c) { out[c] = residual[c] + s * static_cast<M>(hidden[c]); });
}

template <Norm kNorm, class R, class T>
void norm_fwd(const Exec& exec, const std::string& label, View2<T> y, View1<Master<T>> mean, View1<Master<T>> rstd,
              View2<const R> x, Parameters<Master<T>> p) {
  detail::count_traffic(label.c_str(), y, x);
  detail::for_each_row(
      exec, label, y.extent(0), KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        normalise<kNorm>(team, &y(row, 0), kNorm == Norm::kLayer ? &mean(row) : nullptr, &rstd(row), &x(row, 0), p,
                         y.extent(1));
      });
}

template <Norm kNorm, class T>
void add_norm_fwd(const Exec& exec, const std::string& label, View2<T> y, View2<Master<T>> residual_out,
                  View1<Master<T>> mean, View1<Master<T>> rstd, View2<const Master<T>> residual, View2<const T> hidden,
                  View1<const float> scale, std::size_t rows_per_sample, Parameters<Master<T>> p) {
  detail::count_traffic(label.c_str(), y, residual_out, residual, hidden);
  detail::for_each_row(
      exec, label, y.extent(0), KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        Master<T>* sum = &residual_out(row, 0);
        add_row(team, sum, &residual(row, 0), &hidden(row, 0), scale_of(scale, row, rows_per_sample), y.extent(1));
        normalise<kNorm>(team, &y(row, 0), kNorm == Norm::kLayer ? &mean(row) : nullptr, &rstd(row),
                         static_cast<const Master<T>*>(sum), p, y.extent(1));
      });
}

}  // namespace

template <class T>
void add_scaled(const Exec& exec, View2<Master<T>> out, View2<const Master<T>> residual, View2<const T> hidden,
                View1<const float> scale, std::size_t rows_per_sample) {
  detail::count_traffic("brainmt::add_scaled::fwd", out, residual, hidden);
  detail::for_each_row(
      exec, "brainmt::add_scaled::fwd", out.extent(0), KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        add_row(team, &out(row, 0), &residual(row, 0), &hidden(row, 0), scale_of(scale, row, rows_per_sample),
                out.extent(1));
      });
}

template <class T>
void add_scaled_bwd(const Exec& exec, View2<T> dhidden, View2<const Master<T>> dout, View1<const float> scale,
                    std::size_t rows_per_sample) {
  detail::count_traffic("brainmt::add_scaled::bwd", dhidden, dout);
  detail::for_each_row(
      exec, "brainmt::add_scaled::bwd", dout.extent(0), KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        const Master<T> s = scale_of(scale, row, rows_per_sample);
        T* branch = &dhidden(row, 0);
        const Master<T>* gradient = &dout(row, 0);
        detail::row_for(team, dout.extent(1), [=](std::size_t c) { branch[c] = static_cast<T>(s * gradient[c]); });
      });
}

template <class R, class T>
void layer_norm_fwd(const Exec& exec, View2<T> y, View1<Master<T>> mean, View1<Master<T>> rstd, View2<const R> x,
                    View1<const Master<T>> w, View1<const Master<T>> bias, Master<T> eps) {
  if constexpr (detail::kRunsOracle<T>)
    ref::layer_norm_fwd(y.data(), mean.data(), rstd.data(), x.data(), w.data(), bias.data(), y.extent(0), y.extent(1),
                        eps);
  else
    norm_fwd<Norm::kLayer, R, T>(exec, "brainmt::layer_norm::fwd", y, mean, rstd, x, {w.data(), bias.data(), eps});
}

template <class R, class T>
void rms_norm_fwd(const Exec& exec, View2<T> y, View1<Master<T>> rstd, View2<const R> x, View1<const Master<T>> w,
                  Master<T> eps) {
  if constexpr (detail::kRunsOracle<T>)
    ref::rms_norm_fwd(y.data(), rstd.data(), x.data(), w.data(), y.extent(0), y.extent(1), eps);
  else
    norm_fwd<Norm::kRms, R, T>(exec, "brainmt::rms_norm::fwd", y, {}, rstd, x, {w.data(), nullptr, eps});
}

template <class T>
void add_rms_norm_fwd(const Exec& exec, View2<T> y, View2<Master<T>> residual_out, View1<Master<T>> rstd,
                      View2<const Master<T>> residual, View2<const T> hidden, View1<const float> scale,
                      std::size_t rows_per_sample, View1<const Master<T>> w, Master<T> eps) {
  add_norm_fwd<Norm::kRms, T>(exec, "brainmt::add_rms_norm::fwd", y, residual_out, {}, rstd, residual, hidden, scale,
                              rows_per_sample, {w.data(), nullptr, eps});
}

template <class T>
void add_layer_norm_fwd(const Exec& exec, View2<T> y, View2<Master<T>> residual_out, View1<Master<T>> mean,
                        View1<Master<T>> rstd, View2<const Master<T>> residual, View2<const T> hidden,
                        View1<const float> scale, std::size_t rows_per_sample, View1<const Master<T>> w,
                        View1<const Master<T>> bias, Master<T> eps) {
  add_norm_fwd<Norm::kLayer, T>(exec, "brainmt::add_layer_norm::fwd", y, residual_out, mean, rstd, residual, hidden,
                                scale, rows_per_sample, {w.data(), bias.data(), eps});
}

#define BRAINMT_INSTANTIATE(R, T)                                                                                   \
  template void layer_norm_fwd<R, T>(const Exec&, View2<T>, View1<Master<T>>, View1<Master<T>>, View2<const R>,     \
                                     View1<const Master<T>>, View1<const Master<T>>, Master<T>);                    \
  template void rms_norm_fwd<R, T>(const Exec&, View2<T>, View1<Master<T>>, View2<const R>, View1<const Master<T>>, \
                                   Master<T>);
BRAINMT_INSTANTIATE(float, float)
BRAINMT_INSTANTIATE(float, bf16)
BRAINMT_INSTANTIATE(bf16, bf16)
BRAINMT_INSTANTIATE(double, double)
#undef BRAINMT_INSTANTIATE

#define BRAINMT_INSTANTIATE(T)                                                                                         \
  template void add_scaled<T>(const Exec&, View2<Master<T>>, View2<const Master<T>>, View2<const T>,                   \
                              View1<const float>, std::size_t);                                                        \
  template void add_scaled_bwd<T>(const Exec&, View2<T>, View2<const Master<T>>, View1<const float>, std::size_t);     \
  template void add_rms_norm_fwd<T>(const Exec&, View2<T>, View2<Master<T>>, View1<Master<T>>, View2<const Master<T>>, \
                                    View2<const T>, View1<const float>, std::size_t, View1<const Master<T>>,           \
                                    Master<T>);                                                                        \
  template void add_layer_norm_fwd<T>(const Exec&, View2<T>, View2<Master<T>>, View1<Master<T>>, View1<Master<T>>,     \
                                      View2<const Master<T>>, View2<const T>, View1<const float>, std::size_t,         \
                                      View1<const Master<T>>, View1<const Master<T>>, Master<T>);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(bf16)
BRAINMT_INSTANTIATE(double)
#undef BRAINMT_INSTANTIATE

}  // namespace brainmt::kernels
