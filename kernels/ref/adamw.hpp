#pragma once
// One AdamW step on one scalar parameter, line by line as kernels/adamw.hpp states it (Loshchilov & Hutter 2019).
#include <cmath>
#include <cstdint>

namespace brainmt::kernels::ref {

template <class S>
struct AdamWState {
  S p, m, v;
};

template <class S>
AdamWState<S> adamw(AdamWState<S> s, S g, S lr, S beta1, S beta2, S eps, S weight_decay, std::int64_t t) {
  s.p *= S(1) - lr * weight_decay;
  s.m = beta1 * s.m + (S(1) - beta1) * g;
  s.v = beta2 * s.v + (S(1) - beta2) * g * g;
  const S m_hat = s.m / (S(1) - std::pow(beta1, S(t)));
  const S v_hat = s.v / (S(1) - std::pow(beta2, S(t)));
  s.p -= lr * m_hat / (std::sqrt(v_hat) + eps);
  return s;
}

}  // namespace brainmt::kernels::ref
