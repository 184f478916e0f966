#pragma once
// Launch helpers of the tiled host kernels: independent work items and workspace.
#include "kernels/types.hpp"

namespace brainmt::kernels::detail {

using ItemPolicy = Kokkos::RangePolicy<Exec, Kokkos::IndexType<std::size_t>>;
using Workspace = Kokkos::View<float*, Exec::memory_space>;

}  // namespace brainmt::kernels::detail
