#pragma once
// Host memory that a device copies from on its own, and a place beside the model's kernels for such copies to run.
// Hides what differs between releases of Kokkos; where kernels run on the host, both are the ordinary ones.
#include <Kokkos_Core.hpp>
#include <type_traits>

namespace brainmt {

namespace detail {

using ModelExec = Kokkos::DefaultExecutionSpace;
inline constexpr bool kModelOnHost = Kokkos::SpaceAccessibility<ModelExec, Kokkos::HostSpace>::accessible;

#if defined(KOKKOS_HAS_SHARED_HOST_PINNED_SPACE)  // Kokkos 4 and later
using HostPinned = Kokkos::SharedHostPinnedSpace;
#elif defined(KOKKOS_ENABLE_CUDA)
using HostPinned = Kokkos::CudaHostPinnedSpace;
#elif defined(KOKKOS_ENABLE_HIP)
using HostPinned = Kokkos::Experimental::HIPHostPinnedSpace;
#else
using HostPinned = Kokkos::HostSpace;
#endif

}  // namespace detail

/// Memory of the host. A device's copies from it need no detour through a buffer of the driver, and return at once.
using PinnedSpace = std::conditional_t<detail::kModelOnHost, Kokkos::HostSpace, detail::HostPinned>;

/// An instance whose work runs beside that of the default one: on a device a stream of its own. On the host, where
/// nothing runs beside the caller, and with Kokkos 3, the default one: what is ordered by fences stays right there.
inline detail::ModelExec second_instance() {
#if KOKKOS_VERSION >= 40000
  if constexpr (!detail::kModelOnHost) return Kokkos::Experimental::partition_space(detail::ModelExec{}, 1)[0];
#endif
  return {};
}

}  // namespace brainmt
