#include "train/gradient_route.hpp"

#include <Kokkos_Core.hpp>

#include "base/error.hpp"
#if defined(KOKKOS_ENABLE_CUDA)
#include "cuda/capture.hpp"
#include "cuda/runtime.hpp"
#include "memory/pool.hpp"
#include "train/kokkos_gradient_memory.hpp"
#if defined(BRAINMT_HAS_NCCL)
#include "cuda/nccl.hpp"
#endif
#endif

namespace brainmt::train {

#if defined(KOKKOS_ENABLE_CUDA)

namespace {

// NCCL speaks before the watchdog does, which knows the section but not the operation.
constexpr double kShareOfTimeout = 0.9;

std::unique_ptr<comm::NcclApi> nccl() {
#if defined(BRAINMT_HAS_NCCL)
  return cuda::make_nccl();
#else
  return nullptr;
#endif
}

}  // namespace

struct GradientRoute::Device {
  Device(comm::Communicator& control, const RouteSettings& settings)
      : runtime(cuda::make_runtime(control.rank())),
        library(nccl()),
        ranks(comm::make_device_communicator(control, {*runtime, library.get(), kernel_stream()}, settings.backend,
                                             std::chrono::duration<double>(kShareOfTimeout * settings.timeout))),
        capture(settings.graphs ? cuda::make_stream_capture(kernel_stream()) : nullptr) {}

  KokkosGradientMemory memory;
  std::unique_ptr<comm::DeviceApi> runtime;
  std::unique_ptr<comm::NcclApi> library;
  std::unique_ptr<comm::Communicator> ranks;
  std::unique_ptr<StreamCapture> capture;
};

#else

struct GradientRoute::Device {  // never made
  comm::GradientMemory& memory;
  std::unique_ptr<comm::Communicator> ranks;
  std::unique_ptr<StreamCapture> capture;
};

#endif

RouteSettings RouteSettings::from_config(const config::Config& config) {
  const auto backend = config.get<std::string>("comm.backend");
  return {.backend = backend == "nccl"  ? comm::DeviceBackend::kNccl
                     : backend == "mpi" ? comm::DeviceBackend::kMpi
                                        : comm::DeviceBackend::kAuto,
          .wire_dtype = config.get<std::string>("comm.gradient_dtype") == "bf16" ? comm::WireDtype::kBfloat16
                                                                                 : comm::WireDtype::kAsStored,
          .timeout = config.get<double>("comm.timeout"),
          .graphs = config.get<bool>("device.graphs")};
}

GradientRoute::GradientRoute(comm::Communicator& control, const RouteSettings& settings)
    : control_(control), wire_dtype_(settings.wire_dtype) {
#if defined(KOKKOS_ENABLE_CUDA)
  device_ = std::make_unique<Device>(control, settings);
#else
  if (settings.backend == comm::DeviceBackend::kNccl)
    throw UsageError("comm.backend=nccl: this build is for the host; use comm.backend=auto, or a build of preset cuda");
#endif
}

GradientRoute::~GradientRoute() = default;

comm::GradientTransport GradientRoute::transport() {
  if (!device_) return {control_, comm::host_gradient_memory(), wire_dtype_};
  return {*device_->ranks, device_->memory, wire_dtype_};
}

StreamCapture* GradientRoute::capture() { return device_ ? device_->capture.get() : nullptr; }

}  // namespace brainmt::train
