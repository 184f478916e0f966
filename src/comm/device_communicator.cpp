#include "comm/device_communicator.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "comm/nccl_communicator.hpp"
#include "comm/self_communicator.hpp"
#include "comm/staged_communicator.hpp"

namespace brainmt::comm {

std::unique_ptr<Communicator> make_device_communicator(Communicator& host, const DeviceLibraries& libraries,
                                                       DeviceBackend backend, std::chrono::duration<double> timeout) {
  if (host.size() == 1) return std::make_unique<SelfCommunicator>();
  const bool has_nccl = libraries.nccl != nullptr;
  if (backend == DeviceBackend::kNccl && !has_nccl)
    throw UsageError("comm.backend=nccl: this build has no NCCL; use comm.backend=auto");
  if (backend == DeviceBackend::kMpi || !has_nccl) {
    if (host.rank() == 0 && backend == DeviceBackend::kAuto)
      log::warn("this build has no NCCL: gradients go through the host's memory, which is slower");
    return std::make_unique<StagedCommunicator>(host, libraries.device, libraries.compute);
  }
  return std::make_unique<NcclCommunicator>(host, *libraries.nccl, libraries.device, libraries.compute,
                                            NcclCommunicator::Settings{.timeout = timeout});
}

}  // namespace brainmt::comm
