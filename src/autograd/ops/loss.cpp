#include "kernels/loss.hpp"

#include "autograd/ops.hpp"
#include "tensor/views.hpp"

namespace brainmt::autograd {
namespace {

using kernels::Exec;

// Runs `compute` for the master type.
template <class Compute>
void for_type(DType dtype, const Compute& compute) {
  if (dtype == DType::kF64)
    compute.template operator()<double>();
  else
    compute.template operator()<float>();
}

}  // namespace

Var label_loss(Tape& tape, const Var& output, const Tensor& targets, const Tensor& weights, const Tensor& kinds) {
  BRAINMT_CHECK(
      output.shape().rank() == 2 && targets.count() == output.shape().count() && kinds.count() == output.shape()[1],
      "{} targets of {} kinds for outputs {}", targets.count(), kinds.count(), output.shape().str());
  const DType dtype = output.dtype();
  Var loss = tape.result(Tensor(output.shape(), dtype));
  for_type(dtype, [&]<class M>() {
    kernels::loss_fwd<M>(Exec{}, view1<M>(loss.value()), view1<const M>(output.value()), view1<const M>(targets),
                         view1<const M>(weights), view1<const M>(kinds));
  });
  tape.record({}, [=, o = output.value(), dout = output.gradient(), dloss = loss.gradient()] {
    if (!dloss.arrived() || !dout.wanted()) return;
    const Tensor gradient = dloss.take();
    const Tensor doutput(o.shape(), dtype);
    for_type(dtype, [&]<class M>() {
      kernels::loss_bwd<M>(Exec{}, view1<M>(doutput), view1<const M>(gradient), view1<const M>(o),
                           view1<const M>(targets), view1<const M>(weights), view1<const M>(kinds));
    });
    dout.add(doutput);
  });
  return loss;
}

Var uncertainty_weighted(Tape& tape, const Var& loss, const Tensor& weights, Parameter& log_variance,
                         const Tensor& kinds) {
  const DType dtype = loss.dtype();
  Var term = tape.result(Tensor(loss.shape(), dtype));
  for_type(dtype, [&]<class M>() {
    kernels::uncertainty_fwd<M>(Exec{}, view1<M>(term.value()), view1<const M>(loss.value()), view1<const M>(weights),
                                view1<const M>(log_variance.value), view1<const M>(kinds));
  });
  tape.record({&log_variance}, [=, l = loss.value(), dloss = loss.gradient(), dterm = term.gradient(), &log_variance] {
    if (!dterm.arrived()) return;
    const Tensor gradient = dterm.take();
    const Tensor dl(l.shape(), dtype);
    for_type(dtype, [&]<class M>() {
      kernels::uncertainty_bwd<M>(Exec{}, view1<M>(dl), view1<M>(log_variance.grad), view1<const M>(gradient),
                                  view1<const M>(l), view1<const M>(weights), view1<const M>(log_variance.value),
                                  view1<const M>(kinds));
    });
    if (dloss.wanted()) dloss.add(dl);
  });
  return term;
}

}  // namespace brainmt::autograd
