#include <unistd.h>

#include <Kokkos_Core.hpp>
#include <array>

#include "app/device.hpp"
#include "app/launch.hpp"
#include "comm/mpi_communicator.hpp"
#include "cuda/device.hpp"
#include "memory/pool.hpp"
#include "profile/stage_label.hpp"

namespace brainmt::app {
namespace {

int rank_on_node(MPI_Comm world) {
  MPI_Comm node = MPI_COMM_NULL;
  MPI_Comm_split_type(world, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
  int rank = 0;
  MPI_Comm_rank(node, &rank);
  MPI_Comm_free(&node);
  return rank;
}

std::string host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

// Every rank sees where all of them ended up, and so comes to the same verdict.
void check_unshared(MPI_Comm world, const std::string& uuid) {
  comm::MpiCommunicator comm(world);
  const std::string mine = host_name() + '\n' + uuid;
  std::vector<cuda::Placement> placements;
  for (const auto& bytes : comm.all_gather_bytes(std::as_bytes(std::span(mine)))) {
    const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const std::size_t split = text.find('\n');
    placements.push_back({static_cast<int>(placements.size()), text.substr(0, split), text.substr(split + 1)});
  }
  cuda::check_unshared(placements);
}

}  // namespace

bool needs_device() { return true; }

DeviceScope::DeviceScope(MPI_Comm world) {
  const cuda::Machine machine = cuda::query();
  const int device = cuda::device_for(machine, rank_on_node(world));
  check_unshared(world, machine.devices.at(static_cast<std::size_t>(device)).uuid);
  cuda::use(device);
  Kokkos::initialize(Kokkos::InitializationSettings().set_device_id(device).set_disable_warnings(true));
  pool::on_exhausted([](std::size_t bytes) {
    cuda::fail_out_of_memory(profile::stage_text(), bytes, pool::statistics().arena_bytes);
  });
}

DeviceScope::~DeviceScope() {
  pool::release_cached();
  Kokkos::finalize();
}

std::vector<std::string> device_lines() { return cuda::describe(cuda::query()); }

}  // namespace brainmt::app
