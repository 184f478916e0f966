#pragma once
// Elementwise functions over contiguous arrays, and the gate of a Mamba mixer.
#include "kernels/types.hpp"

namespace brainmt::kernels {

/// y = f(x); y may be x.
template <class T>
void activation_fwd(const Exec& exec, View1<T> y, View1<const T> x, Activation f);

/// dx = f'(x) * dy; dx may be dy. For kRelu `x` may be the output instead of the input (same sign).
template <class T>
void activation_bwd(const Exec& exec, View1<T> dx, View1<const T> dy, View1<const T> x, Activation f);

/// out = y * SiLU(z); all [rows, E].
template <class T>
void gate_silu_fwd(const Exec& exec, MatrixView<T> out, MatrixView<const T> y, MatrixView<const T> z);

/// dy = dout * SiLU(z), dz = dout * y * SiLU'(z).
template <class T>
void gate_silu_bwd(const Exec& exec, MatrixView<T> dy, MatrixView<T> dz, MatrixView<const T> dout,
                   MatrixView<const T> y, MatrixView<const T> z);

}  // namespace brainmt::kernels
