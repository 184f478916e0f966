#include <Kokkos_Core.hpp>

#include "app/device.hpp"

namespace brainmt::app {

bool needs_device() { return false; }

DeviceScope::DeviceScope(MPI_Comm) { Kokkos::initialize(); }  // Kokkos reads no command line of ours

DeviceScope::~DeviceScope() { Kokkos::finalize(); }

std::vector<std::string> device_lines() { return {}; }

}  // namespace brainmt::app
