#pragma once
// What the tiled host kernels launch with: independent work items, workspace of the call, and matrices for the oracle.
#include "kernels/ref/matrix.hpp"
#include "kernels/types.hpp"

namespace brainmt::kernels::detail {

using ItemPolicy = Kokkos::RangePolicy<Exec, Kokkos::IndexType<std::size_t>>;
using Workspace = Kokkos::View<float*, Exec::memory_space>;

template <class S>
ref::Matrix<S> as_matrix(const Rows<S>& rows) {
  return {rows.data(), static_cast<std::size_t>(rows.stride(0))};
}

}  // namespace brainmt::kernels::detail
