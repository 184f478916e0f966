#pragma once
// Which way a causal operation looks along the sequence, and the order in which it visits the tokens.
#include <cstddef>

namespace brainmt::kernels {

/// kForward uses earlier tokens, kReverse later ones. A reverse pass is the forward pass on the flipped sequence,
/// without the flip.
enum class Direction { kForward, kReverse };

/// Token that stands at `position` of the scan order of a sequence of `length` tokens.
constexpr std::size_t token_at(Direction direction, std::size_t position, std::size_t length) {
  return direction == Direction::kForward ? position : length - 1 - position;
}

}  // namespace brainmt::kernels
