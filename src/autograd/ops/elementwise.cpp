#include "kernels/elementwise.hpp"

#include "autograd/ops.hpp"
#include "kernels/activations.hpp"
#include "profile/stage_label.hpp"
#include "tensor/views.hpp"

namespace brainmt::autograd {

namespace {

Tensor activated(const Tensor& x, kernels::Activation f) {
  const Tensor y(x.shape(), x.dtype());
  dispatch(x.dtype(),
           [&]<class T>() { kernels::activation_fwd<T>(kernels::Exec{}, view1<T>(y), view1<const T>(x), f); });
  return y;
}

}  // namespace

Var activation(Tape& tape, const Var& x, kernels::Activation f) {
  const profile::StageLabel stage("activations");
  Var y = tape.cheap_result(activated(x.value(), f),
                            [input = x.value(), f] { return activated(input, f); });  // kept below as well
  tape.record({}, [input = x.value(), dx = x.gradient(), dy = y.gradient(), f] {
    if (!dy.arrived()) return;
    const Tensor g = dy.take();  // ours alone, so it becomes dx in place
    dispatch(g.dtype(), [&]<class T>() {
      kernels::activation_bwd<T>(kernels::Exec{}, view1<T>(g), view1<const T>(g), view1<const T>(input), f);
    });
    dx.add(g);
  });
  return y;
}

Var add(Tape& tape, const Var& a, const Var& b) {
  const profile::StageLabel stage("sums");
  BRAINMT_CHECK(a.shape() == b.shape() && a.dtype() == b.dtype(), "{} + {}", a.shape().str(), b.shape().str());
  Var y = tape.result(a.value().clone());
  dispatch(a.dtype(), [&]<class T>() {
    kernels::axpby<T>(kernels::Exec{}, view1<T>(y.value()), 1, view1<const T>(b.value()), 1);
  });
  tape.record({}, [da = a.gradient(), db = b.gradient(), dy = y.gradient()] {
    if (!dy.arrived()) return;
    const Tensor g = dy.take();
    if (da.wanted() && db.wanted())
      da.add(g.clone());
    else
      da.add(g);
    db.add(g);
  });
  return y;
}

}  // namespace brainmt::autograd
