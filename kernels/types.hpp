#pragma once
// The vocabulary of every kernel: execution space, unmanaged views, and the storage types.
//
// Conventions (all kernels):
//  * Storage type T is float, bf16 or double; parameters, statistics and the residual stream are Master<T> (float for
//    bf16). Arithmetic is in Master<T>. The double instantiation runs the plain-loop oracle of kernels/ref on the host.
//  * Argument order: execution space, outputs, inputs, dimensions.
//  * Gradient contract: gradients of *parameters* are added to (+=); gradients of *activations* are assigned, unless
//    the declaration says otherwise.
//  * No floating-point atomics: partial sums are combined in an order fixed by the shape, so two runs give equal bits.
//  * Letters: B batch, T frames, P patches per frame, L tokens, C model width, E inner width, N state, H heads, K taps.
#include <Kokkos_Core.hpp>

#include "base/bfloat16.hpp"
#include "base/matrix_view.hpp"
#include "kernels/kinds.hpp"

namespace brainmt::kernels {

using Exec = Kokkos::DefaultExecutionSpace;

template <class Data>
using View = Kokkos::View<Data, Kokkos::LayoutRight, Exec::memory_space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;

template <class T>
using View1 = View<T*>;
template <class T>
using View2 = View<T**>;
template <class T>
using View3 = View<T***>;
template <class T>
using View4 = View<T****>;

/// A matrix whose rows lie `ld` elements apart.
template <class T>
MatrixView<T> rows(T* data, std::size_t row_count, std::size_t cols, std::size_t ld) {
  return {data, ld, row_count, cols};
}

}  // namespace brainmt::kernels
