#pragma once
// The softmax inside of tiled attention (kernels/attention.hpp has the formulas): rows are queries, columns keys.
#include "kernels/types.hpp"

namespace brainmt::kernels {

/// p = softmax over a row of scale * logits, lse = log sum exp of the same. p, logits: [rows, keys]; lse: [rows].
template <class T>
void softmax_fwd(const Exec& exec, MatrixView<T> p, View1<Master<T>> lse, MatrixView<const Master<T>> logits,
                 Master<T> scale);

/// p = exp(scale * logits - lse): recomputes the forward pass's weights.
template <class T>
void softmax_again(const Exec& exec, MatrixView<T> p, MatrixView<const Master<T>> logits, View1<const Master<T>> lse,
                   Master<T> scale);

/// dlogits = scale * p * (dp - sum over the row of p dp). The sum is taken here and not as dO . O: then the gradients
/// of a row add up to 0 as exactly as its weights add up to 1, which is all that a key's bias would ever see.
template <class T>
void softmax_bwd(const Exec& exec, MatrixView<T> dlogits, MatrixView<const T> p, MatrixView<const Master<T>> dp,
                 Master<T> scale);

}  // namespace brainmt::kernels
