#include "profile/region.hpp"

#include <Kokkos_Core.hpp>

#include "profile/recorder.hpp"

namespace brainmt::profile {

namespace detail {
std::atomic<bool> recording{false};
}

Region::Region(const char* label) : pushed_(Kokkos::Profiling::profileLibraryLoaded()) {
  if (pushed_) Kokkos::Profiling::pushRegion(label);
}

Region::Region(const char* label, Work work) : Region(label) {
  if (pushed_ && detail::recording.load(std::memory_order_relaxed)) detail::declare_work(work);
}

Region::~Region() {
  if (pushed_) Kokkos::Profiling::popRegion();
}

}  // namespace brainmt::profile
