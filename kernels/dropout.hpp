#pragma once
// Dropout whose draws are a function of (key of the sample, stream, element): no mask is kept, and neither ranks nor
// recomputation change it.
//
//   y[b, e] = x[b, e] / (1 - rate), or 0 where word e of Philox4x32-10(key_b, stream) lies below rate 2^32
//
// The backward pass is the same function of dy.
#include "kernels/types.hpp"

namespace brainmt::kernels {

/// x, y: [B, n], y may be x; keys: [2, B], whole numbers below 2^24 in float; 0 <= rate < 1.
template <class T>
void dropout(const Exec& exec, View2<T> y, View2<const T> x, View2<const float> keys, std::uint32_t stream,
             double rate);

}  // namespace brainmt::kernels
