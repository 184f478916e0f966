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

}  // namespace brainmt::kernels::ref
