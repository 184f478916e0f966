#pragma once
// What the tiled host kernels launch with: independent work items and workspace of the call.
#include "kernels/types.hpp"

namespace brainmt::kernels::detail {

using ItemPolicy = Kokkos::RangePolicy<Exec, Kokkos::IndexType<std::size_t>>;
using Workspace = Kokkos::View<float*, Exec::memory_space>;

}  // namespace brainmt::kernels::detail
