#pragma once
// A linear layer followed by GELU, forward and backward. By default GELU is exact (erf) and a separate pass. With
// Settings::tanh_gelu, bf16 uses the tanh form, which cuBLASLt computes in the GEMM's epilogue:
//
//   |gelu_tanh(x) - gelu_erf(x)| <= 4.74e-4,   |gelu_tanh'(x) - gelu_erf'(x)| <= 8.69e-4
//
// for every x (tests/kernels/activations_test.cpp). For x > -2.4 that is less than what rounding x and the result to
// bf16 can do; down the tail it is up to 8.4 times as much, and always to one side, which is why it must be asked for.
// Both passes take the same form, whether or not the library has it built in.
#include "dnn/gemm.hpp"
#include "kernels/kinds.hpp"

namespace brainmt::dnn {

/// The form of GELU for activations of `type`.
kernels::Activation gelu_form(DType type);

/// pre = x w^T + bias and y = gelu(pre), both [M, out] in the activation type. `pre` is what linear_gelu_bwd needs; it
/// may be y where there is no way back.
void linear_gelu_fwd(const Tensor& y, const Tensor& pre, const AnyMatrix& x, const Tensor& w, const Tensor& bias);

/// dpre = (dy w) * gelu'(pre): from the gradient of the layer behind, of weight w [out, in], to that of what GELU saw.
void linear_gelu_bwd(const Tensor& dpre, const AnyMatrix& dy, const Tensor& w, const Tensor& pre);

}  // namespace brainmt::dnn
