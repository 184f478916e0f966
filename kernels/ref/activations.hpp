#pragma once
// Activation functions and their derivatives as the textbook writes them, and the gate of a Mamba mixer.
// One struct a function: value(x) = f(x), slope(x) = f'(x).
#include <cmath>
#include <cstddef>
#include <numbers>

#include "base/bfloat16.hpp"

namespace brainmt::kernels::ref {

template <class S>
BRAINMT_HOST_DEVICE S sigmoid(S x) {
  return S(1) / (S(1) + std::exp(-x));
}

struct Relu {
  template <class S>
  BRAINMT_HOST_DEVICE static S value(S x) {
    return x > S(0) ? x : S(0);
  }
  template <class S>
  BRAINMT_HOST_DEVICE static S slope(S x) {
    return x > S(0) ? S(1) : S(0);
  }
};

/// Hendrycks & Gimpel 2016, the tanh approximation: 0.5 x (1 + tanh u), u = sqrt(2/pi) (x + 0.044715 x^3).
struct GeluTanh {
  template <class S>
  BRAINMT_HOST_DEVICE static S value(S x) {
    return S(0.5) * x * (S(1) + std::tanh(inner(x)));
  }
  template <class S>
  BRAINMT_HOST_DEVICE static S slope(S x) {
    const S t = std::tanh(inner(x));
    return S(0.5) * (S(1) + t) + S(0.5) * x * (S(1) - t * t) * scale<S>() * (S(1) + S(3 * 0.044715) * x * x);
  }

 private:
  template <class S>
  BRAINMT_HOST_DEVICE static S scale() {
    return std::sqrt(S(2) / std::numbers::pi_v<S>);
  }
  template <class S>
  BRAINMT_HOST_DEVICE static S inner(S x) {
    return scale<S>() * (x + S(0.044715) * x * x * x);
  }
};

/// x Phi(x), Phi the standard normal distribution.
struct GeluErf {
  template <class S>
  BRAINMT_HOST_DEVICE static S value(S x) {
    return x * phi_integral(x);
  }
  template <class S>
  BRAINMT_HOST_DEVICE static S slope(S x) {
    const S density = std::exp(-x * x / S(2)) / std::sqrt(S(2) * std::numbers::pi_v<S>);
    return phi_integral(x) + x * density;
  }

 private:
  template <class S>
  BRAINMT_HOST_DEVICE static S phi_integral(S x) {
    return S(0.5) * (S(1) + std::erf(x / std::numbers::sqrt2_v<S>));
  }
};

struct Silu {
  template <class S>
  BRAINMT_HOST_DEVICE static S value(S x) {
    return x * sigmoid(x);
  }
  template <class S>
  BRAINMT_HOST_DEVICE static S slope(S x) {
    return sigmoid(x) * (S(1) + x * (S(1) - sigmoid(x)));
  }
};

struct Softplus {
  template <class S>
  BRAINMT_HOST_DEVICE static S value(S x) {
    return (x > S(0) ? x : S(0)) + std::log1p(std::exp(-std::abs(x)));
  }
  template <class S>
  BRAINMT_HOST_DEVICE static S slope(S x) {
    return sigmoid(x);
  }
};

template <class F, class S>
void activation_fwd(S* y, const S* x, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) y[i] = F::value(x[i]);
}

template <class F, class S>
void activation_bwd(S* dx, const S* dy, const S* x, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) dx[i] = F::slope(x[i]) * dy[i];
}

/// out = y SiLU(z)
template <class S>
void gate_silu_fwd(S* out, const S* y, const S* z, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) out[i] = y[i] * Silu::value(z[i]);
}

template <class S>
void gate_silu_bwd(S* dy, S* dz, const S* dout, const S* y, const S* z, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const S g = dout[i], value = y[i], gate = z[i];  // read first: dy or dz may be one of the inputs
    dy[i] = g * Silu::value(gate);
    dz[i] = g * value * Silu::slope(gate);
  }
}

}  // namespace brainmt::kernels::ref
