#pragma once
// Elementwise functions over contiguous arrays, and the gate of a Mamba mixer.
#include "kernels/types.hpp"

namespace brainmt::kernels {

enum class Activation {
  kRelu,
  kGeluTanh,  // 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
  kGeluErf,   // 0.5 x (1 + erf(x / sqrt 2))
  kSilu,      // x sigmoid(x)
  kSoftplus   // log(1 + exp(x)), without overflow
};

/// y = f(x); y may be x.
template <class T>
void activation_fwd(const Exec& exec, View1<T> y, View1<const T> x, Activation f);

/// dx = f'(x) * dy; dx may be dy. For kRelu `x` may be the output instead of the input (same sign).
template <class T>
void activation_bwd(const Exec& exec, View1<T> dx, View1<const T> dy, View1<const T> x, Activation f);

/// out = y * SiLU(z); all [rows, E].
template <class T>
void gate_silu_fwd(const Exec& exec, Rows<T> out, Rows<const T> y, Rows<const T> z);

/// dy = dout * SiLU(z), dz = dout * y * SiLU'(z).
template <class T>
void gate_silu_bwd(const Exec& exec, Rows<T> dy, Rows<T> dz, Rows<const T> dout, Rows<const T> y, Rows<const T> z);

}  // namespace brainmt::kernels
