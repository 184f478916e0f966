#pragma once
// The activations of kernels/activations.hpp by name, for files that only choose one.
namespace brainmt::kernels {

enum class Activation {
  kRelu,
  kGeluTanh,  // 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
  kGeluErf,   // 0.5 x (1 + erf(x / sqrt 2))
  kSilu,      // x sigmoid(x)
  kSoftplus   // log(1 + exp(x)), without overflow
};

}  // namespace brainmt::kernels
