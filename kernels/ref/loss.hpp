#pragma once
// Losses of one output o against one label y, and their derivatives in o.
#include <cmath>

#include "base/bfloat16.hpp"

namespace brainmt::kernels::ref {

/// (o - y)^2
struct Mse {
  template <class S>
  BRAINMT_HOST_DEVICE static S value(S o, S y) {
    return (o - y) * (o - y);
  }
  template <class S>
  BRAINMT_HOST_DEVICE static S slope(S o, S y) {
    return S(2) * (o - y);
  }
};

/// Binary cross entropy of sigmoid(o), y in [0, 1]: -y log sigmoid(o) - (1 - y) log(1 - sigmoid(o)), written so that
/// nothing overflows or cancels: max(o, 0) - o y + log(1 + exp(-|o|)).
struct BceWithLogits {
  template <class S>
  BRAINMT_HOST_DEVICE static S value(S o, S y) {
    return (o > S(0) ? o : S(0)) - o * y + std::log1p(std::exp(-std::abs(o)));
  }
  template <class S>
  BRAINMT_HOST_DEVICE static S slope(S o, S y) {
    const S e = std::exp(-std::abs(o));
    return (o > S(0) ? S(1) : e) / (S(1) + e) - y;  // sigmoid(o) - y
  }
};

/// A loss under a learned log variance s (kernels/loss.hpp): c exp(-s) loss + w s / 2, where `loss` has its weight w.
template <class S>
struct Uncertainty {
  S s;
  bool classes;

  BRAINMT_HOST_DEVICE S precision() const { return (classes ? S(1) : S(0.5)) * std::exp(-s); }  // c exp(-s)
  BRAINMT_HOST_DEVICE S value(S loss, S weight) const { return precision() * loss + weight * s / S(2); }
  BRAINMT_HOST_DEVICE S slope(S loss, S weight) const { return weight / S(2) - precision() * loss; }  // in s
};

}  // namespace brainmt::kernels::ref
