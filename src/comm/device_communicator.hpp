#pragma once
// Chooses the communicator for device memory.
#include <chrono>
#include <memory>

#include "comm/communicator.hpp"
#include "comm/device_api.hpp"
#include "comm/nccl_api.hpp"

namespace brainmt::comm {

/// kAuto: NCCL, unless this build has none: then kMpi, through the host.
enum class DeviceBackend { kAuto, kNccl, kMpi };

/// What this build and process have; all of it outlives the communicator.
struct DeviceLibraries {
  DeviceApi& device;
  NcclApi* nccl = nullptr;  // null: built without
  DeviceApi::Stream compute = nullptr;
};

/// Collective over `host`, which the communicator uses and does not own; the same kind on every rank. Every rank has a
/// device of its own (app/device.hpp). `timeout`: seconds without progress that end in a CommError, 0: for ever. Throws
/// UsageError where kNccl is asked for and this build has none.
std::unique_ptr<Communicator> make_device_communicator(Communicator& host, const DeviceLibraries& libraries,
                                                       DeviceBackend backend, std::chrono::duration<double> timeout);

}  // namespace brainmt::comm
