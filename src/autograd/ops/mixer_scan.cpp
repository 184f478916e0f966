#include "autograd/ops.hpp"
#include "dnn/gemm.hpp"
#include "kernels/activations.hpp"
#include "kernels/causal_conv1d.hpp"
#include "kernels/selective_scan.hpp"
#include "profile/stage_label.hpp"
#include "tensor/views.hpp"

namespace brainmt::autograd {
namespace {

using kernels::Exec;

struct Sizes {
  std::int64_t batch, length, inner, state, rank;

  Sizes(const Var& xz, const MixerDirection& p)
      : batch(xz.shape()[0]),
        length(xz.shape()[1]),
        inner(xz.shape()[2] / 2),
        state(p.a_log->shape[1]),
        rank(p.dt_weight->shape[1]) {}
  std::int64_t projected() const { return rank + 2 * state; }
};

// Inputs of the scan of one direction. u and delta_raw are recomputed in backward: a few percent more FLOPs, 40 % less
// memory of the mixer.
struct Saved {
  Tensor u;          // [B, L, E] after convolution and SiLU; recomputed
  Tensor projected;  // [B, L, R + 2N]
  Tensor delta_raw;  // [B, L, E]; recomputed
  Tensor states;     // [B, S, N, E] in front of every segment
};

// [E, 1, K], the shape of a published depthwise weight, as the matrix [E, K].
template <class M>
kernels::View2<M> taps(const Tensor& w) {
  return view2<M>(w.reshape({w.shape()[0], w.shape()[2]}));
}

template <class T>
kernels::ScanDirection<T> scan_inputs(const MixerDirection& p, const Saved& s, const Sizes& n) {
  using M = Master<T>;
  return {p.direction,
          rows<const T>(s.u),
          rows<const T>(s.delta_raw),
          rows<const T>(s.projected, n.rank, n.state),
          rows<const T>(s.projected, n.rank + n.state, n.state),
          view1<const M>(p.dt_bias->value),
          view2<const M>(p.a_log->value),
          view1<const M>(p.d->value),
          view4<M>(s.states)};
}

template <class T>
std::vector<kernels::ScanDirection<T>> all_scan_inputs(const std::vector<MixerDirection>& directions,
                                                       const std::vector<Saved>& saved, const Sizes& n) {
  std::vector<kernels::ScanDirection<T>> inputs;
  for (std::size_t i = 0; i < directions.size(); ++i) inputs.push_back(scan_inputs<T>(directions[i], saved[i], n));
  return inputs;
}

template <class T>
Tensor scan_input(const Tensor& xz, const MixerDirection& p, const Sizes& n) {
  const Tensor u({n.batch, n.length, n.inner}, xz.dtype());
  kernels::causal_conv1d_silu_fwd<T>(Exec{}, rows<T>(u), rows<const T>(xz, 0, n.inner),
                                     taps<const Master<T>>(p.conv_weight->value),
                                     view1<const Master<T>>(p.conv_bias->value), static_cast<std::size_t>(n.batch),
                                     static_cast<std::size_t>(n.length), p.direction);
  return u;
}

Tensor raw_steps(const Tensor& projected, const MixerDirection& p, const Sizes& n) {
  const Tensor delta_raw({n.batch, n.length, n.inner}, projected.dtype());
  dnn::linear_fwd(delta_raw, projected.columns(0, n.rank), p.dt_weight->compute, {});
  return delta_raw;
}

// Everything in front of the scan of one direction.
template <class T>
Saved prepare_scan(const Tensor& xz, const MixerDirection& p, const Sizes& n) {
  const DType dtype = xz.dtype();
  const auto segments = static_cast<std::int64_t>(kernels::scan_segments(static_cast<std::size_t>(n.length)));
  Saved s{.u = scan_input<T>(xz, p, n),
          .projected = Tensor({n.batch, n.length, n.projected()}, dtype),
          .delta_raw = {},
          .states = Tensor({n.batch, segments, n.state, n.inner}, master_of(dtype))};
  dnn::linear_fwd(s.projected, s.u, p.x_proj->compute, {});
  s.delta_raw = raw_steps(s.projected, p, n);
  return s;
}

template <class T>
Tensor gated(const Tensor& y, const Tensor& xz, const Sizes& n) {
  const Tensor out(y.shape(), y.dtype());
  kernels::gate_silu_fwd<T>(Exec{}, rows<T>(out), rows<const T>(y), rows<const T>(xz, n.inner, n.inner));
  return out;
}

// Gradients through one direction, once the scan's are known; adds to dx (the left half of dxz).
template <class T>
void finish_direction_bwd(const Tensor& dxz, const Tensor& xz, const Tensor& du, const Tensor& dprojected,
                          const Tensor& ddelta_raw, const MixerDirection& p, const Saved& s, const Sizes& n,
                          bool accumulate) {
  using M = Master<T>;
  dnn::linear_bwd_weights(p.dt_weight->grad, {}, ddelta_raw, s.projected.columns(0, n.rank));
  dnn::linear_bwd_data(dprojected.columns(0, n.rank), ddelta_raw, p.dt_weight->compute, false);
  dnn::linear_bwd_weights(p.x_proj->grad, {}, dprojected, s.u);
  dnn::linear_bwd_data(du, dprojected, p.x_proj->compute, true);
  kernels::causal_conv1d_silu_bwd<T>(
      Exec{}, rows<T>(dxz, 0, n.inner), taps<M>(p.conv_weight->grad), view1<M>(p.conv_bias->grad), rows<const T>(du),
      rows<const T>(xz, 0, n.inner), taps<const Master<T>>(p.conv_weight->value), view1<const M>(p.conv_bias->value),
      static_cast<std::size_t>(n.batch), static_cast<std::size_t>(n.length), p.direction, accumulate);
}

template <class T>
Tensor mixer_scan_bwd(const Tensor& dout, const Tensor& xz, const Tensor& y, const std::vector<Saved>& kept,
                      const std::vector<MixerDirection>& directions, const Sizes& n) {
  using M = Master<T>;
  std::vector<Saved> saved = kept;
  for (std::size_t i = 0; i < directions.size(); ++i) {
    saved[i].u = scan_input<T>(xz, directions[i], n);
    saved[i].delta_raw = raw_steps(saved[i].projected, directions[i], n);
  }
  const Tensor dxz(xz.shape(), xz.dtype()), dy(y.shape(), y.dtype());
  kernels::gate_silu_bwd<T>(Exec{}, rows<T>(dy), rows<T>(dxz, n.inner, n.inner), rows<const T>(dout), rows<const T>(y),
                            rows<const T>(xz, n.inner, n.inner));

  std::vector<Tensor> du, dprojected, ddelta_raw;
  std::vector<kernels::ScanGradients<T>> gradients;
  for (std::size_t i = 0; i < directions.size(); ++i) {
    const MixerDirection& p = directions[i];
    du.emplace_back(saved[i].u.shape(), xz.dtype());
    dprojected.emplace_back(saved[i].projected.shape(), xz.dtype());
    ddelta_raw.emplace_back(saved[i].u.shape(), xz.dtype());
    gradients.push_back({rows<T>(du[i]), rows<T>(ddelta_raw[i]), rows<T>(dprojected[i], n.rank, n.state),
                         rows<T>(dprojected[i], n.rank + n.state, n.state), view1<M>(p.dt_bias->grad),
                         view2<M>(p.a_log->grad), view1<M>(p.d->grad)});
  }
  kernels::selective_scan_bwd<T>(Exec{}, gradients, rows<const T>(dy), all_scan_inputs<T>(directions, saved, n),
                                 static_cast<std::size_t>(n.batch), static_cast<std::size_t>(n.length));
  for (std::size_t i = 0; i < directions.size(); ++i)
    finish_direction_bwd<T>(dxz, xz, du[i], dprojected[i], ddelta_raw[i], directions[i], saved[i], n, i > 0);
  return dxz;
}

}  // namespace

Var mixer_scan(Tape& tape, const Var& xz, const std::vector<MixerDirection>& directions) {
  const profile::StageLabel stage("scan");
  const Sizes n(xz, directions.front());
  const Tensor y({n.batch, n.length, n.inner}, xz.dtype());  // sum of the scans, before the gate
  std::vector<Saved> saved;
  dispatch(xz.dtype(), [&]<class T>() {
    for (const MixerDirection& p : directions) saved.push_back(prepare_scan<T>(xz.value(), p, n));
    kernels::selective_scan_fwd<T>(Exec{}, rows<T>(y), all_scan_inputs<T>(directions, saved, n),
                                   static_cast<std::size_t>(n.batch), static_cast<std::size_t>(n.length));
  });
  for (Saved& s : saved) s.u = s.delta_raw = {};
  const auto gate = [y, n, input = xz.value()] {
    return dispatch(input.dtype(), [&]<class T>() { return gated<T>(y, input, n); });
  };
  Var out = tape.cheap_result(gate(), gate);

  std::vector<Parameter*> parameters;
  for (const MixerDirection& p : directions)
    parameters.insert(parameters.end(), {p.conv_weight, p.conv_bias, p.x_proj, p.dt_weight, p.dt_bias, p.a_log, p.d});
  tape.record(std::move(parameters),
              [=, input = xz.value(), saved = std::move(saved), dxz = xz.gradient(), dout = out.gradient()] {
                if (!dout.arrived()) return;
                dispatch(input.dtype(),
                         [&]<class T>() { dxz.add(mixer_scan_bwd<T>(dout.take(), input, y, saved, directions, n)); });
              });
  return out;
}

}  // namespace brainmt::autograd
