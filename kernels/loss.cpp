// A batch has a handful of outputs: nothing to vectorise, so every type uses the plain formulas.
#include "kernels/loss.hpp"

#include "kernels/detail/loops.hpp"
#include "kernels/detail/work.hpp"
#include "kernels/ref/loss.hpp"

namespace brainmt::kernels {

template <class M>
void loss_fwd(const Exec& exec, View1<M> loss, View1<const M> output, View1<const M> target, View1<const M> weight,
              View1<const M> kinds) {
  detail::count_traffic("brainmt::loss::fwd", loss, output, target, weight);
  detail::for_each(
      exec, "brainmt::loss::fwd", loss.extent(0), KOKKOS_LAMBDA(std::size_t i) {
        // A missing label may be NaN, and NaN times weight 0 would stay NaN.
        const bool labelled = weight(i) != M(0), classes = kinds(i % kinds.extent(0)) != M(0);
        const M value =
            classes ? ref::BceWithLogits::value(output(i), target(i)) : ref::Mse::value(output(i), target(i));
        loss(i) = labelled ? weight(i) * value : M(0);
      });
}

template <class M>
void loss_bwd(const Exec& exec, View1<M> doutput, View1<const M> dloss, View1<const M> output, View1<const M> target,
              View1<const M> weight, View1<const M> kinds) {
  detail::count_traffic("brainmt::loss::bwd", doutput, dloss, output, target, weight);
  detail::for_each(
      exec, "brainmt::loss::bwd", doutput.extent(0), KOKKOS_LAMBDA(std::size_t i) {
        const bool labelled = weight(i) != M(0), classes = kinds(i % kinds.extent(0)) != M(0);
        const M slope =
            classes ? ref::BceWithLogits::slope(output(i), target(i)) : ref::Mse::slope(output(i), target(i));
        doutput(i) = labelled ? dloss(i) * (weight(i) * slope) : M(0);
      });
}

template <class M>
void uncertainty_fwd(const Exec& exec, View1<M> term, View1<const M> loss, View1<const M> weight,
                     View1<const M> log_variance, View1<const M> kinds) {
  detail::count_traffic("brainmt::loss::uncertainty_fwd", term, loss, weight);
  detail::for_each(
      exec, "brainmt::loss::uncertainty_fwd", term.extent(0), KOKKOS_LAMBDA(std::size_t i) {
        const std::size_t k = i % kinds.extent(0);
        const ref::Uncertainty<M> u{log_variance(k), kinds(k) != M(0)};
        term(i) = u.value(loss(i), weight(i));
      });
}

template <class M>
void uncertainty_bwd(const Exec& exec, View1<M> dloss, View1<M> dlog_variance, View1<const M> dterm,
                     View1<const M> loss, View1<const M> weight, View1<const M> log_variance, View1<const M> kinds) {
  detail::count_traffic("brainmt::loss::uncertainty_bwd", dloss, dterm, loss, weight);
  detail::for_each(
      exec, "brainmt::loss::uncertainty_bwd", kinds.extent(0), KOKKOS_LAMBDA(std::size_t k) {
        const ref::Uncertainty<M> u{log_variance(k), kinds(k) != M(0)};
        M sum = 0;
        for (std::size_t i = k; i < dloss.extent(0); i += kinds.extent(0)) {
          dloss(i) = dterm(i) * u.precision();
          sum += dterm(i) * u.slope(loss(i), weight(i));
        }
        dlog_variance(k) += sum;
      });
}

#define BRAINMT_INSTANTIATE(M)                                                                                      \
  template void loss_fwd<M>(const Exec&, View1<M>, View1<const M>, View1<const M>, View1<const M>, View1<const M>); \
  template void loss_bwd<M>(const Exec&, View1<M>, View1<const M>, View1<const M>, View1<const M>, View1<const M>,  \
                            View1<const M>);                                                                        \
  template void uncertainty_fwd<M>(const Exec&, View1<M>, View1<const M>, View1<const M>, View1<const M>,           \
                                   View1<const M>);                                                                 \
  template void uncertainty_bwd<M>(const Exec&, View1<M>, View1<M>, View1<const M>, View1<const M>, View1<const M>, \
                                   View1<const M>, View1<const M>);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(double)
#undef BRAINMT_INSTANTIATE

}  // namespace brainmt::kernels
