#include <fmt/format.h>

#include <Kokkos_Core.hpp>

#include "app/device.hpp"
#include "base/error.hpp"
#include "memory/pool.hpp"
#include "profile/stage_label.hpp"

namespace brainmt::app {
namespace {

[[noreturn]] void fail_out_of_memory(std::size_t bytes) {
  const auto mib = [](std::size_t count) { return static_cast<double>(count) / (1024.0 * 1024.0); };
  throw Error(ExitCode::kInternal,
              fmt::format("out of memory in {}, asked for {:.1f} MiB, tensors have {:.1f} MiB: try a smaller "
                          "run.batch_size, model.recompute=block, a smaller model.frame_chunk or fewer ranks per node",
                          profile::stage_text(), mib(bytes), mib(pool::statistics().live_bytes)));
}

}  // namespace

bool needs_device() { return false; }

DeviceScope::DeviceScope(MPI_Comm) {
  Kokkos::initialize();  // Kokkos reads no command line of ours
  pool::on_exhausted(fail_out_of_memory);
}

DeviceScope::~DeviceScope() { Kokkos::finalize(); }

std::vector<std::string> device_lines() { return {}; }

}  // namespace brainmt::app
