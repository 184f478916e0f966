#pragma once
// Initialises and finalises Kokkos; on CUDA each rank's GPU is chosen first.
#include <mpi.h>

#include <string>
#include <vector>

namespace brainmt::app {

/// Whether Kokkos cannot start without a GPU.
bool needs_device();

/// Kokkos from its making to its end.
class DeviceScope {
 public:
  /// Collective over `world`. On CUDA each rank takes the GPU of its number on the node, one rank a GPU. UsageError: no
  /// usable GPU, or two ranks that would share one.
  explicit DeviceScope(MPI_Comm world);
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;
  ~DeviceScope();
};

/// For `brainmt doctor`: devices, driver and library versions, one line each; empty on the host.
std::vector<std::string> device_lines();

}  // namespace brainmt::app
