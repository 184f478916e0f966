// The part of build_info.hpp that asks Kokkos.
#include <fmt/format.h>

#include <Kokkos_Core.hpp>

#include "app/build_info.hpp"

namespace brainmt::app {

std::string kokkos_version() {
  return fmt::format("{}.{}.{}", KOKKOS_VERSION / 10000, KOKKOS_VERSION / 100 % 100, KOKKOS_VERSION % 100);
}

std::string execution_space() { return Kokkos::DefaultExecutionSpace::name(); }

int kernel_threads() { return Kokkos::is_initialized() ? Kokkos::DefaultExecutionSpace().concurrency() : 0; }

}  // namespace brainmt::app
