#pragma once
// Selective scan by plain loops, one direction at a time. For channel e and tokens in scan order, as in
// kernels/selective_scan.hpp:
//
//   delta_t = softplus(delta_raw_t + delta_bias),   a_t[n] = exp(delta_t A[n]),   A = -exp(A_log),   s_{-1} = 0
//   s_t[n]  = a_t[n] s_{t-1}[n] + delta_t B_t[n] x_t
//   y_t     = sum_n C_t[n] s_t[n] + D x_t
//
// Backward, with g_t[n] = dL/ds_t[n], which arrives from y_t and from s_{t+1}:
//
//   g_t[n]   = C_t[n] dy_t + a_{t+1}[n] g_{t+1}[n]
//   dC_t[n]  = sum_e s_t[n] dy_t
//   dB_t[n]  = sum_e g_t[n] delta_t x_t
//   dx_t     = sum_n g_t[n] delta_t B_t[n] + D dy_t
//   ddelta_t     = sum_n g_t[n] (A[n] a_t[n] s_{t-1}[n] + B_t[n] x_t)
//   ddelta_raw_t = ddelta_t sigmoid(delta_raw_t + delta_bias)
//   dA_log[n]   += A[n] sum_t g_t[n] delta_t a_t[n] s_{t-1}[n]
//   dD          += sum_t dy_t x_t
//   ddelta_bias += sum_t ddelta_raw_t
#include <cmath>
#include <vector>

#include "base/matrix_view.hpp"
#include "kernels/kinds.hpp"
#include "kernels/ref/activations.hpp"

namespace brainmt::kernels::ref {

struct ScanShape {
  std::size_t batch, length, channels, states;  // B, L, E, N
};

/// Inputs of one direction; token rows are [B*L, ...], sample-major.
template <class S>
struct ScanInputs {
  Direction direction;
  MatrixView<const S> x, delta_raw;  // [B*L, E]
  MatrixView<const S> b, c;          // [B*L, N]
  const S* delta_bias;               // [E]
  const S* a_log;                    // [E, N]
  const S* d;                        // [E]
};

/// Activation gradients are assigned, parameter gradients added to.
template <class S>
struct ScanOutputs {
  MatrixView<S> dx, ddelta_raw;  // [B*L, E]
  MatrixView<S> db, dc;          // [B*L, N]
  S* ddelta_bias;                // [E]
  S* da_log;                     // [E, N]
  S* dd;                         // [E]
};

/// One channel of one sample, token by token in scan order: the row of each token, delta, decay a and state s.
template <class S>
struct ScanHistory {
  std::vector<std::size_t> row;
  std::vector<S> rate;          // [N] A
  std::vector<S> delta;         // [L]
  std::vector<S> decay, state;  // [L, N]; state[t] is s_t

  ScanHistory(const ScanInputs<S>& in, const ScanShape& shape, std::size_t sample, std::size_t e)
      : row(shape.length),
        rate(shape.states),
        delta(shape.length),
        decay(shape.length * shape.states),
        state(shape.length * shape.states),
        states_(shape.states) {
    for (std::size_t n = 0; n < shape.states; ++n) rate[n] = -std::exp(in.a_log[e * shape.states + n]);
    for (std::size_t t = 0; t < shape.length; ++t) {
      const std::size_t r = row[t] = sample * shape.length + token_at(in.direction, t, shape.length);
      delta[t] = Softplus::value(in.delta_raw(r, e) + in.delta_bias[e]);
      for (std::size_t n = 0; n < shape.states; ++n) {
        const S a = std::exp(delta[t] * rate[n]);
        decay[t * shape.states + n] = a;
        state[t * shape.states + n] = a * before(t, n) + delta[t] * in.b(r, n) * in.x(r, e);
      }
    }
  }

  /// s_{t-1}[n]
  S before(std::size_t t, std::size_t n) const { return t == 0 ? S(0) : state[(t - 1) * states_ + n]; }

 private:
  std::size_t states_;
};

/// y [B*L, E] = scan, or y += scan when `accumulate`.
template <class S>
void selective_scan_fwd(MatrixView<S> y, const ScanInputs<S>& in, const ScanShape& shape, bool accumulate) {
  for (std::size_t sample = 0; sample < shape.batch; ++sample)
    for (std::size_t e = 0; e < shape.channels; ++e) {
      const ScanHistory<S> scan(in, shape, sample, e);
      for (std::size_t t = 0; t < shape.length; ++t) {
        const std::size_t r = scan.row[t];
        S sum = in.d[e] * in.x(r, e);
        for (std::size_t n = 0; n < shape.states; ++n) sum += in.c(r, n) * scan.state[t * shape.states + n];
        y(r, e) = accumulate ? y(r, e) + sum : sum;
      }
    }
}

template <class S>
void selective_scan_bwd(const ScanOutputs<S>& out, MatrixView<const S> dy, const ScanInputs<S>& in,
                        const ScanShape& shape) {
  const std::size_t states = shape.states;
  for (std::size_t r = 0; r < shape.batch * shape.length; ++r)
    for (std::size_t n = 0; n < states; ++n) out.db(r, n) = out.dc(r, n) = S(0);
  for (std::size_t sample = 0; sample < shape.batch; ++sample)
    for (std::size_t e = 0; e < shape.channels; ++e) {
      const ScanHistory<S> scan(in, shape, sample, e);
      std::vector<S> later(states, S(0));  // a_{t+1}[n] g_{t+1}[n]
      for (std::size_t t = shape.length; t-- > 0;) {
        const std::size_t r = scan.row[t];
        const S x = in.x(r, e), delta = scan.delta[t];
        S dx = in.d[e] * dy(r, e), ddelta = S(0);
        for (std::size_t n = 0; n < states; ++n) {
          const S g = in.c(r, n) * dy(r, e) + later[n];
          later[n] = scan.decay[t * states + n] * g;
          const S from_decay = later[n] * scan.before(t, n);  // dL / d(delta_t A[n])
          out.dc(r, n) += scan.state[t * states + n] * dy(r, e);
          out.db(r, n) += g * delta * x;
          dx += g * delta * in.b(r, n);
          ddelta += from_decay * scan.rate[n] + g * in.b(r, n) * x;
          out.da_log[e * states + n] += from_decay * delta * scan.rate[n];
        }
        const S ddelta_raw = ddelta * sigmoid(in.delta_raw(r, e) + in.delta_bias[e]);
        out.dx(r, e) = dx;
        out.ddelta_raw(r, e) = ddelta_raw;
        out.ddelta_bias[e] += ddelta_raw;
        out.dd[e] += dy(r, e) * x;
      }
    }
}

}  // namespace brainmt::kernels::ref
