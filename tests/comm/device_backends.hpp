#pragma once
// The communicators for device memory on a fake device, with all that they stand on.
#include <memory>

#include "comm/nccl_communicator.hpp"
#include "comm/staged_communicator.hpp"
#include "fake_nccl.hpp"
#include "support.hpp"

namespace brainmt::comm {

/// Each rank's device has another order of things.
struct FakeMachine {
  explicit FakeMachine(std::uint64_t seed = 1)
      : host(mpi_world()),
        under_nccl(mpi_world()),
        device(1000 * seed + static_cast<std::uint64_t>(host->rank())),
        compute(device.create_stream()),
        memory(device, compute),
        nccl(*under_nccl, device) {}

  std::unique_ptr<Communicator> connect(const NcclCommunicator::Settings& settings = {}) {
    return std::make_unique<NcclCommunicator>(*host, nccl, device, compute, settings);
  }
  std::unique_ptr<Communicator> stage() { return std::make_unique<StagedCommunicator>(*host, device, compute); }

  std::unique_ptr<Communicator> host, under_nccl;
  FakeDevice device;
  DeviceApi::Stream compute;
  FakeDeviceMemory memory;
  FakeNccl nccl;
};

/// A communicator and what it stands on.
struct Backend {
  std::unique_ptr<FakeMachine> machine;  // null: none
  std::unique_ptr<Communicator> comm;

  Communicator* operator->() const { return comm.get(); }
  Communicator& operator*() const { return *comm; }
};

inline Backend nccl_backend(std::size_t max_count = std::size_t{1} << 30, std::uint64_t seed = 1) {
  auto machine = std::make_unique<FakeMachine>(seed);
  auto comm = machine->connect({.max_count = max_count});
  return {std::move(machine), std::move(comm)};
}

inline Backend staged_backend(std::uint64_t seed = 1) {
  auto machine = std::make_unique<FakeMachine>(seed);
  auto comm = machine->stage();
  return {std::move(machine), std::move(comm)};
}

}  // namespace brainmt::comm
