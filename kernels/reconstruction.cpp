// Sums are taken along the frames of a parcel, then over parcels, in order.
#include "kernels/reconstruction.hpp"

#include <cmath>

#include "kernels/detail/loops.hpp"
#include "kernels/detail/scratch.hpp"
#include "kernels/detail/work.hpp"

namespace brainmt::kernels {

void hidden_patches(const Exec& exec, View3<float> hidden, View2<const float> restore, std::size_t kept,
                    std::size_t patch) {
  detail::count_traffic("brainmt::reconstruction::hidden", hidden);
  const std::size_t parcels = hidden.extent(1), frames = hidden.extent(2), per_parcel = frames / patch;
  detail::for_each_row(
      exec, "brainmt::reconstruction::hidden", hidden.extent(0) * parcels,
      KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        const std::size_t b = row / parcels, v = row % parcels;
        float* out = &hidden(b, v, 0);
        detail::row_for(team, frames, [=](std::size_t t) {
          out[t] = static_cast<std::size_t>(restore(v * per_parcel + t / patch, b)) < kept ? 0.0f : 1.0f;
        });
      });
}

template <class M>
void standardise_rows(const Exec& exec, View3<M> y, View3<const M> x, double eps) {
  detail::count_traffic("brainmt::reconstruction::standardise", y, x);
  const std::size_t parcels = x.extent(1), frames = x.extent(2);
  detail::for_each_row(
      exec, "brainmt::reconstruction::standardise", x.extent(0) * parcels,
      KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        const M* in = &x(row / parcels, row % parcels, 0);
        M* out = &y(row / parcels, row % parcels, 0);
        const M mean = detail::row_sum<M>(team, frames, [=](std::size_t t) { return in[t]; }) / static_cast<M>(frames);
        const M squares =
            detail::row_sum<M>(team, frames, [=](std::size_t t) { return (in[t] - mean) * (in[t] - mean); });
        const M factor = M(1) / std::sqrt(squares / static_cast<M>(frames - 1) + static_cast<M>(eps));
        detail::row_for(team, frames, [=](std::size_t t) { out[t] = (in[t] - mean) * factor; });
      });
}

template <class M>
void tanh_fwd(const Exec& exec, View1<M> y, View1<const M> x) {
  detail::count_traffic("brainmt::reconstruction::tanh_fwd", y, x);
  detail::for_each(
      exec, "brainmt::reconstruction::tanh_fwd", y.size(), KOKKOS_LAMBDA(std::size_t i) { y(i) = std::tanh(x(i)); });
}

template <class M>
void tanh_bwd(const Exec& exec, View1<M> dx, View1<const M> dy, View1<const M> y) {
  detail::count_traffic("brainmt::reconstruction::tanh_bwd", dx, dy, y);
  detail::for_each(
      exec, "brainmt::reconstruction::tanh_bwd", dx.size(),
      KOKKOS_LAMBDA(std::size_t i) { dx(i) = (M(1) - y(i) * y(i)) * dy(i); });
}

template <class M>
void hidden_loss_fwd(const Exec& exec, View1<M> loss, View3<const M> y, View3<const M> x, View3<const float> hidden,
                     View1<const M> weight, bool absolute) {
  detail::count_traffic("brainmt::reconstruction::loss_fwd", y, x, hidden);
  const std::size_t parcels = y.extent(1), frames = y.extent(2);
  const detail::Scratch<M> scratch(y.extent(0) * parcels);
  M* sums = scratch.data();
  detail::for_each_row(
      exec, "brainmt::reconstruction::loss_fwd", y.extent(0) * parcels,
      KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        const std::size_t b = row / parcels, v = row % parcels;
        const M *predicted = &y(b, v, 0), *truth = &x(b, v, 0);
        const float* counted = &hidden(b, v, 0);
        sums[row] = detail::row_sum<M>(team, frames, [=](std::size_t t) {
          const M error = predicted[t] - truth[t];
          const M value = absolute ? (error < 0 ? -error : error) : error * error;
          return counted[t] != 0 ? value : M(0);
        });
      });
  detail::for_each(
      exec, "brainmt::reconstruction::loss_sum", loss.extent(0), KOKKOS_LAMBDA(std::size_t b) {
        M total = 0;
        for (std::size_t v = 0; v < parcels; ++v) total += sums[b * parcels + v];
        loss(b) = weight(b) * total;
      });
}

template <class M>
void hidden_loss_bwd(const Exec& exec, View3<M> dy, View1<const M> dloss, View3<const M> y, View3<const M> x,
                     View3<const float> hidden, View1<const M> weight, bool absolute) {
  detail::count_traffic("brainmt::reconstruction::loss_bwd", dy, y, x, hidden);
  const std::size_t per_sample = y.extent(1) * y.extent(2);
  M* out = dy.data();
  const M *predicted = y.data(), *truth = x.data();
  const float* counted = hidden.data();
  detail::for_each(
      exec, "brainmt::reconstruction::loss_bwd", y.size(), KOKKOS_LAMBDA(std::size_t i) {
        const std::size_t b = i / per_sample;
        const M error = predicted[i] - truth[i], scale = dloss(b) * weight(b);
        const M slope = absolute ? M(error > 0) - M(error < 0) : 2 * error;
        out[i] = counted[i] != 0 ? scale * slope : M(0);
      });
}

#define BRAINMT_INSTANTIATE(M)                                                                                \
  template void standardise_rows<M>(const Exec&, View3<M>, View3<const M>, double);                           \
  template void tanh_fwd<M>(const Exec&, View1<M>, View1<const M>);                                           \
  template void tanh_bwd<M>(const Exec&, View1<M>, View1<const M>, View1<const M>);                           \
  template void hidden_loss_fwd<M>(const Exec&, View1<M>, View3<const M>, View3<const M>, View3<const float>, \
                                   View1<const M>, bool);                                                     \
  template void hidden_loss_bwd<M>(const Exec&, View3<M>, View1<const M>, View3<const M>, View3<const M>,     \
                                   View3<const float>, View1<const M>, bool);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(double)
#undef BRAINMT_INSTANTIATE

}  // namespace brainmt::kernels
