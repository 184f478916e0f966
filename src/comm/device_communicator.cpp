#include "comm/device_communicator.hpp"

#include <unistd.h>

#include <array>
#include <map>
#include <string>

#include "base/error.hpp"
#include "base/log.hpp"
#include "comm/agreement.hpp"
#include "comm/nccl_communicator.hpp"
#include "comm/self_communicator.hpp"
#include "comm/staged_communicator.hpp"

namespace brainmt::comm {
namespace {

// Collective. "ranks 2 and 3 share device 0000:01:00.0 of node-7", or nothing: the same on all ranks.
std::string shared_device(Communicator& host, DeviceApi& device) {
  std::array<char, 256> node{};
  std::string mine;
  run_agreed(host, [&] {
    ::gethostname(node.data(), node.size() - 1);
    mine = fmt::format("{} of {}", device.device_name(), node.data());
  });
  std::map<std::string, int> owner;
  int rank = 0;
  for (const auto& bytes : host.all_gather_bytes(std::as_bytes(std::span(mine)))) {
    const std::string name(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const auto [first, is_new] = owner.emplace(name, rank);
    if (!is_new) return fmt::format("ranks {} and {} share device {}", first->second, rank, name);
    ++rank;
  }
  return {};
}

}  // namespace

std::unique_ptr<Communicator> make_device_communicator(Communicator& host, const DeviceLibraries& libraries,
                                                       DeviceBackend backend, std::chrono::duration<double> timeout) {
  if (host.size() == 1) return std::make_unique<SelfCommunicator>();
  std::string obstacle = libraries.nccl == nullptr ? "this build has no NCCL" : std::string();
  if (obstacle.empty() && backend != DeviceBackend::kMpi) obstacle = shared_device(host, libraries.device);
  if (backend == DeviceBackend::kNccl && !obstacle.empty())
    throw UsageError(fmt::format("comm.backend=nccl: {}; use comm.backend=auto, or one rank per device", obstacle));
  if (backend == DeviceBackend::kMpi || !obstacle.empty()) {
    if (host.rank() == 0 && backend == DeviceBackend::kAuto)
      log::warn("{}: gradients go through the host's memory, which is slower", obstacle);
    return std::make_unique<StagedCommunicator>(host, libraries.device, libraries.compute);
  }
  return std::make_unique<NcclCommunicator>(host, *libraries.nccl, libraries.device, libraries.compute,
                                            NcclCommunicator::Settings{.timeout = timeout});
}

}  // namespace brainmt::comm
