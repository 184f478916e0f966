#pragma once
// Chooses communicator, memory space and wire dtype of the gradient all-reduce. On the host: the ranks' MPI
// communicator. On CUDA: a communicator of its own bound to Kokkos' stream (agreement stays on MPI), and the capture of
// that stream.
#include <memory>

#include "base/capture.hpp"
#include "comm/device_communicator.hpp"
#include "comm/gradient_memory.hpp"
#include "config/config.hpp"

namespace brainmt::train {

struct RouteSettings {
  comm::DeviceBackend backend = comm::DeviceBackend::kAuto;
  comm::WireDtype wire_dtype = comm::WireDtype::kAsStored;
  double timeout = 0;   // seconds of a step; 0: for ever
  bool graphs = false;  // asks for a capture

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
  comm::GradientTransport transport();
  /// Of the stream that the kernels and the transport's communicator work on; null where none was wanted, or on the
  /// host.
  StreamCapture* capture();

 private:
  struct Device;

  comm::Communicator& control_;
  comm::WireDtype wire_dtype_;
  std::unique_ptr<Device> device_;  // null in a build for the host
};

}  // namespace brainmt::train
