#include "kernels/reconstruction.hpp"

#include "autograd/masked_ops.hpp"
#include "profile/stage_label.hpp"
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

Var tanh(Tape& tape, const Var& x) {
  const profile::StageLabel stage("activations");
  Var y = tape.result(Tensor(x.shape(), x.dtype()));
  for_type(x.dtype(), [&]<class M>() { kernels::tanh_fwd<M>(Exec{}, view1<M>(y.value()), view1<const M>(x.value())); });
  tape.record({}, [result = y.value(), dx = x.gradient(), dy = y.gradient()] {
    if (!dy.arrived()) return;
    const Tensor g = dy.take();  // ours alone, so it becomes dx in place
    for_type(g.dtype(),
             [&]<class M>() { kernels::tanh_bwd<M>(Exec{}, view1<M>(g), view1<const M>(g), view1<const M>(result)); });
    dx.add(g);
  });
  return y;
}

Var canvas_patches(Tape& tape, const Var& x, const Tensor& order, const kernels::Canvas& canvas, double scale) {
  const profile::StageLabel stage("patches");
  const Shape s = x.shape();
  const auto patches = static_cast<std::int64_t>(canvas.side() * canvas.side());
  const auto width = static_cast<std::int64_t>(kernels::kImageChannels * canvas.pixels());
  Var y(Tensor({s[0], patches, width}, x.dtype()), x.gradient().wanted() && tape.recording());
  dispatch(x.dtype(), [&]<class T>() {
    kernels::canvas_patches_fwd<T>(Exec{}, view2<T>(y.value()), view3<const T>(x.value()), view1<const float>(order),
                                   canvas, scale);
  });
  tape.record({}, [=, dx = x.gradient(), dy = y.gradient()] {
    if (!dx.wanted() || !dy.arrived()) return;
    const Tensor g = dy.take(), din(s, g.dtype());
    dispatch(g.dtype(), [&]<class T>() {
      kernels::canvas_patches_bwd<T>(Exec{}, view3<T>(din), view2<const T>(g), view1<const float>(order), canvas,
                                     scale);
    });
    dx.add(din);
  });
  return y;
}

Var canvas_pixels(Tape& tape, const Var& prediction, const Tensor& order, const kernels::Canvas& canvas) {
  const profile::StageLabel stage("patches");
  const Shape s = prediction.shape();
  const auto extent = [](std::size_t n) { return static_cast<std::int64_t>(n); };
  Var y = tape.result(Tensor({s[0], extent(canvas.parcels), extent(canvas.frames)}, prediction.dtype()));
  for_type(y.dtype(), [&]<class M>() {
    kernels::canvas_pixels_fwd<M>(Exec{}, view3<M>(y.value()), view2<const M>(prediction.value()),
                                  view1<const float>(order), canvas);
  });
  tape.record({}, [=, shape = y.shape(), dprediction = prediction.gradient(), dy = y.gradient()] {
    if (!dy.arrived()) return;
    const Tensor g = dy.take().reshape(shape), din(s, g.dtype());
    for_type(g.dtype(), [&]<class M>() {
      kernels::canvas_pixels_bwd<M>(Exec{}, view2<M>(din), view3<const M>(g), view1<const float>(order), canvas);
    });
    dprediction.add(din);
  });
  return y;
}

Var hidden_loss(Tape& tape, const Var& prediction, const Tensor& target, const Tensor& hidden, const Tensor& weights,
                bool absolute) {
  const Shape s = prediction.shape();
  BRAINMT_CHECK(s.rank() == 3 && target.shape() == s && hidden.shape() == s && weights.count() == s[0],
                "prediction {}, target {}, {} weights", s.str(), target.shape().str(), weights.count());
  Var loss = tape.result(Tensor({s[0], 1}, prediction.dtype()));
  for_type(prediction.dtype(), [&]<class M>() {
    kernels::hidden_loss_fwd<M>(Exec{}, view1<M>(loss.value()), view3<const M>(prediction.value()),
                                view3<const M>(target), view3<const float>(hidden), view1<const M>(weights), absolute);
  });
  tape.record({}, [=, y = prediction.value(), dy = prediction.gradient(), dloss = loss.gradient()] {
    if (!dloss.arrived() || !dy.wanted()) return;
    const Tensor g = dloss.take(), gradient(s, y.dtype());
    for_type(y.dtype(), [&]<class M>() {
      kernels::hidden_loss_bwd<M>(Exec{}, view3<M>(gradient), view1<const M>(g), view3<const M>(y),
                                  view3<const M>(target), view3<const float>(hidden), view1<const M>(weights),
                                  absolute);
    });
    dy.add(gradient);
  });
  return loss;
}

}  // namespace brainmt::autograd
