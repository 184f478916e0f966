#pragma once
// AdamW (Loshchilov & Hutter 2019, algorithm 2) over one contiguous parameter, as PyTorch orders the operations:
//
//   g  = gradient_scale * gradient
//   p *= 1 - lr * weight_decay
//   m  = beta1 m + (1 - beta1) g,   v = beta2 v + (1 - beta2) g^2
//   p -= lr / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + eps)
#include "kernels/types.hpp"

namespace brainmt::kernels {

struct AdamWStep {
  double lr, beta1, beta2, eps, weight_decay;
  std::int64_t step;            // t, from 1
  double gradient_scale = 1.0;  // clipping factor
};

/// Updates p, m, v [count] in place.
template <class M>
void adamw(const Exec& exec, View1<M> p, View1<M> m, View1<M> v, View1<const M> gradient, const AdamWStep& step);

}  // namespace brainmt::kernels
