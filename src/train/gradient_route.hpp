#pragma once
// How the gradients of a run travel. A build for the host sends them over the communicator that the ranks agree over; a
// build for CUDA gives them one of their own, bound to Kokkos' stream, while agreement stays with MPI, and the capture
// of that stream.
#include <memory>

#include "base/capture.hpp"
#include "comm/device_communicator.hpp"
#include "comm/gradient_memory.hpp"
#include "config/config.hpp"

namespace brainmt::train {

struct RouteSettings {
  comm::DeviceBackend backend = comm::DeviceBackend::kAuto;
  comm::GradientWire wire = comm::GradientWire::kAsStored;
  double timeout = 0;   // seconds of a step; 0: for ever
  bool graphs = false;  // wants a capture

  static RouteSettings from_config(const config::Config& config);  // comm.*, device.graphs
};

class GradientRoute {
 public:
  /// Collective over `control`, which outlives the route. Throws UsageError where this build or these ranks cannot have
  /// the backend.
  GradientRoute(comm::Communicator& control, const RouteSettings& settings);
  GradientRoute(const GradientRoute&) = delete;
  GradientRoute& operator=(const GradientRoute&) = delete;
  ~GradientRoute();

  /// Valid while the route lives.
  comm::GradientLink link();
  /// Of the stream that the kernels and the link's communicator work on; null where none was wanted, or on the host.
  StreamCapture* capture();

 private:
  struct Device;

  comm::Communicator& control_;
  comm::GradientWire wire_;
  std::unique_ptr<Device> device_;  // null in a build for the host
};

}  // namespace brainmt::train
