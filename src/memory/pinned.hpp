#pragma once
// Page-locked host memory and a second stream for asynchronous copies. Hides what differs between releases of Kokkos;
// where kernels run on the host, both are the ordinary ones.
#include <Kokkos_Core.hpp>
#include <cstddef>
#include <memory_resource>
#include <mutex>
#include <type_traits>
#include <vector>

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

/// Page-locked memory in blocks of one size, made once, as a std::pmr::memory_resource: containers that are filled on a
/// thread without a device can lie in it, since handing a block out asks nothing of the device's driver.
class PinnedBlocks : public std::pmr::memory_resource {
 public:
  /// `count` blocks of `bytes` each.
  PinnedBlocks(std::size_t bytes, std::size_t count);

 private:
  /// A whole block, on any thread. Throws std::bad_alloc when it is too small or none is left.
  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override;
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  static constexpr std::size_t kAlignment = 64;

  std::size_t block_bytes_;
  Kokkos::View<std::byte*, PinnedSpace> memory_;
  std::mutex mutex_;  // guards free_
  std::vector<void*> free_;
};

}  // namespace brainmt
