#pragma once
// Choices among variants of a kernel, without Kokkos: for files that only choose one.
#include <cstddef>

namespace brainmt::kernels {

/// Of kernels/activations.hpp.
enum class Activation {
  kRelu,
  kGeluTanh,  // 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
  kGeluErf,   // 0.5 x (1 + erf(x / sqrt 2))
  kSilu,      // x sigmoid(x)
  kSoftplus   // log(1 + exp(x)), without overflow
};

/// Of kernels/loss.hpp.
enum class Loss { kMse, kBceWithLogits };

/// The kinds of the losses of K targets as a kernel reads them: Loss as a number of type M.
template <class M>
M code_of(Loss kind) {
  return kind == Loss::kBceWithLogits ? M(1) : M(0);
}

/// Of kernels/norm.hpp.
enum class Norm { kLayer, kRms };

/// Of a causal operation: kForward uses earlier tokens, kReverse later ones. A reverse pass is the forward pass on the
/// flipped sequence, without the flip.
enum class Direction { kForward, kReverse };

/// Token at `position` of the scan order of a sequence of `length` tokens.
constexpr std::size_t token_at(Direction direction, std::size_t position, std::size_t length) {
  return direction == Direction::kForward ? position : length - 1 - position;
}

}  // namespace brainmt::kernels
