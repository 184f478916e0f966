#pragma once
// Reductions whose result does not depend on threads: fixed blocks of kReduceBlock elements, then a fixed binary tree,
// all in double.
#include <cstdint>

#include "kernels/types.hpp"

namespace brainmt::kernels {

inline constexpr std::size_t kReduceBlock = 4096;

template <class M>
double sum(const Exec& exec, View1<const M> x);
template <class M>
double sum_of_squares(const Exec& exec, View1<const M> x);
/// True when no element is NaN or infinite.
template <class M>
bool all_finite(const Exec& exec, View1<const M> x);
/// A fingerprint of the bits and their positions: the same on any number of threads, another one whenever a single
/// element has changed, and for more changes with all but certainty.
template <class M>
std::uint64_t bit_hash(const Exec& exec, View1<const M> x);
/// out[j] += sum_i x[i, j]: the gradient of a bias. Rows are summed in fixed blocks.
template <class T>
void column_sum(const Exec& exec, View1<Master<T>> out, MatrixView<const T> x);

}  // namespace brainmt::kernels
