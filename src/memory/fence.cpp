#include "memory/fence.hpp"

#include <Kokkos_Core.hpp>

#include "base/recording.hpp"

namespace brainmt {

void wait_for_kernels() {
  refuse_while_recording("a wait for the kernels");
  Kokkos::DefaultExecutionSpace().fence();
}

}  // namespace brainmt
