// A batch has a handful of outputs: nothing to vectorise, so every type uses the plain formulas.
#include "kernels/loss.hpp"

#include "kernels/detail/loops.hpp"
#include "kernels/detail/work.hpp"
#include "kernels/ref/loss.hpp"

namespace brainmt::kernels {
namespace {

template <class Formula, class M>
void forward_backward(const Exec& exec, View1<M> loss, View1<M> doutput, View1<const M> output, View1<const M> target,
                      View1<const M> weight) {
  detail::count_traffic("brainmt::loss::fwd_bwd", loss, doutput, output, target, weight);
  detail::for_each(
      exec, "brainmt::loss::fwd_bwd", loss.extent(0), KOKKOS_LAMBDA(std::size_t i) {
        // A missing label may be NaN, and NaN times weight 0 would stay NaN.
        const bool labelled = weight(i) != M(0);
        loss(i) = labelled ? weight(i) * Formula::value(output(i), target(i)) : M(0);
        doutput(i) = labelled ? weight(i) * Formula::slope(output(i), target(i)) : M(0);
      });
}

}  // namespace

template <class M>
void loss_fwd_bwd(const Exec& exec, View1<M> loss, View1<M> doutput, View1<const M> output, View1<const M> target,
                  View1<const M> weight, Loss kind) {
  switch (kind) {
    case Loss::kMse:
      return forward_backward<ref::Mse>(exec, loss, doutput, output, target, weight);
    case Loss::kBceWithLogits:
      return forward_backward<ref::BceWithLogits>(exec, loss, doutput, output, target, weight);
  }
}

#define BRAINMT_INSTANTIATE(M) \
  template void loss_fwd_bwd<M>(const Exec&, View1<M>, View1<M>, View1<const M>, View1<const M>, View1<const M>, Loss);
BRAINMT_INSTANTIATE(float)
BRAINMT_INSTANTIATE(double)
#undef BRAINMT_INSTANTIATE

}  // namespace brainmt::kernels
