#include "kernels/landmarks.hpp"

#include "kernels/detail/loops.hpp"
#include "kernels/detail/scratch.hpp"
#include "kernels/detail/work.hpp"

namespace brainmt::kernels {

template <class M>
void segment_means_fwd(const Exec& exec, View3<M> means, View3<const M> x) {
  detail::count_traffic("brainmt::landmarks::means_fwd", means, x);
  const std::size_t landmarks = means.extent(1), run = x.extent(1) / landmarks, cols = x.extent(2);
  detail::for_each_row(
      exec, "brainmt::landmarks::means_fwd", means.extent(0) * landmarks,
      KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        const std::size_t b = row / landmarks, i = row % landmarks;
        M* out = &means(b, i, 0);
        detail::row_for(team, cols, [=](std::size_t c) {
          M sum = 0;
          for (std::size_t l = i * run; l < (i + 1) * run; ++l) sum += x(b, l, c);
          out[c] = sum / static_cast<M>(run);
        });
      });
}

template <class M>
void segment_means_bwd(const Exec& exec, View3<M> dx, View3<const M> dmeans) {
  detail::count_traffic("brainmt::landmarks::means_bwd", dx, dx, dmeans);
  const std::size_t length = dx.extent(1), run = length / dmeans.extent(1), cols = dx.extent(2);
  detail::for_each_row(
      exec, "brainmt::landmarks::means_bwd", dx.extent(0) * length,
      KOKKOS_LAMBDA(const detail::RowTeam& team, std::size_t row) {
        const std::size_t b = row / length, l = row % length;
        M* out = &dx(b, l, 0);
        const M* of_mean = &dmeans(b, l / run, 0);
        detail::row_for(team, cols, [=](std::size_t c) { out[c] += of_mean[c] / static_cast<M>(run); });
      });
}

template <class M>
void inverse_start_fwd(const Exec& exec, View3<M> z, View1<M> start, View3<const M> m) {
  detail::count_traffic("brainmt::landmarks::start_fwd", z, m, m);
  const std::size_t matrices = m.extent(0), n = m.extent(1);
  const detail::Scratch<M> scratch(matrices * n);
  M* sums = scratch.data();
  detail::for_each(
      exec, "brainmt::landmarks::column_sums", matrices * n, KOKKOS_LAMBDA(std::size_t i) {
        M sum = 0;
        for (std::size_t r = 0; r < n; ++r) sum += m(i / n, r, i % n);
        sums[i] = sum;
      });
  detail::for_each(
      exec, "brainmt::landmarks::largest", 1, KOKKOS_LAMBDA(std::size_t) {
        std::size_t best = 0;
        for (std::size_t i = 1; i < matrices * n; ++i) best = sums[i] > sums[best] ? i : best;
        start(0) = sums[best];
        start(1) = static_cast<M>(best / n);
        start(2) = static_cast<M>(best % n);
      });
  detail::for_each(
      exec, "brainmt::landmarks::start_fwd", matrices * n * n,
      KOKKOS_LAMBDA(std::size_t i) { z.data()[i] = m(i / (n * n), i % n, i / n % n) / start(0); });
}

template <class M>
void inverse_start_bwd(const Exec& exec, View3<M> dm, View3<const M> dz, View3<const M> m, View1<const M> start) {
  detail::count_traffic("brainmt::landmarks::start_bwd", dm, dm, dz, m);
  const std::size_t matrices = m.extent(0), n = m.extent(1);
  detail::for_each(
      exec, "brainmt::landmarks::start_bwd", matrices * n * n,
      KOKKOS_LAMBDA(std::size_t i) { dm.data()[i] += dz(i / (n * n), i % n, i / n % n) / start(0); });
  // ds = -sum of dz m^T / s^2 belongs to the column of the largest sum.
  const detail::Scratch<M> scratch(matrices * n);
  M* sums = scratch.data();
  detail::for_each(
      exec, "brainmt::landmarks::start_sums", matrices * n, KOKKOS_LAMBDA(std::size_t i) {
        M sum = 0;
        for (std::size_t c = 0; c < n; ++c) sum += dz(i / n, i % n, c) * m(i / n, c, i % n);
        sums[i] = sum;
      });
  detail::for_each(
      exec, "brainmt::landmarks::start_column", n, KOKKOS_LAMBDA(std::size_t r) {
        M total = 0;
        for (std::size_t i = 0; i < matrices * n; ++i) total += sums[i];
        dm(static_cast<std::size_t>(start(1)), r, static_cast<std::size_t>(start(2))) -= total / (start(0) * start(0));
      });
}

template <class M>
void identity_minus(const Exec& exec, View3<M> y, M a, View3<const M> x) {
  detail::count_traffic("brainmt::landmarks::identity_minus", y, x);
  const std::size_t n = x.extent(1);
  detail::for_each(
      exec, "brainmt::landmarks::identity_minus", x.size(), KOKKOS_LAMBDA(std::size_t i) {
        const M value = x.data()[i];
        y.data()[i] = i / n % n == i % n ? a - value : -value;
      });
}

#define BRAINMT_INSTANTIATE(M)                                                                               \
  template void segment_means_fwd<M>(const Exec&, View3<M>, View3<const M>);                                 \
  template void segment_means_bwd<M>(const Exec&, View3<M>, View3<const M>);                                 \
  template void inverse_start_fwd<M>(const Exec&, View3<M>, View1<M>, View3<const M>);                       \
  template void inverse_start_bwd<M>(const Exec&, View3<M>, View3<const M>, View3<const M>, View1<const M>); \
  template void identity_minus<M>(const Exec&, View3<M>, M, View3<const M>);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(double)
#undef BRAINMT_INSTANTIATE

}  // namespace brainmt::kernels
