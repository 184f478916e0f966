#pragma once
// The softmax inside of tiled attention (kernels/attention.hpp has the formulas): rows are queries, columns keys.
#include "kernels/types.hpp"

namespace brainmt::kernels {

/// p = softmax over a row of scale * logits, lse = log sum exp of the same. p, logits: [rows, keys]; lse: [rows].
template <class T>
void softmax_fwd(const Exec& exec, Rows<T> p, View1<Master<T>> lse, Rows<const Master<T>> logits, Master<T> scale);

/// p = exp(scale * logits - lse): the forward pass's weights again.
template <class T>
void softmax_again(const Exec& exec, Rows<T> p, Rows<const Master<T>> logits, View1<const Master<T>> lse,
                   Master<T> scale);

/// dlogits = scale * p * (dp - dot), dot[row] = sum over the row of p dp, given as dO . O (see row_dots).
template <class T>
void softmax_bwd(const Exec& exec, Rows<T> dlogits, Rows<const T> p, Rows<const Master<T>> dp,
                 View1<const Master<T>> dot, Master<T> scale);

/// dot[row] = sum over c of a[row, c] b[row, c].
template <class T>
void row_dots(const Exec& exec, View1<Master<T>> dot, Rows<const T> a, Rows<const T> b);

}  // namespace brainmt::kernels
