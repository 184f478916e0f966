#include "memory/fence.hpp"

#include <Kokkos_Core.hpp>

namespace brainmt {

void wait_for_kernels() { Kokkos::DefaultExecutionSpace().fence(); }

}  // namespace brainmt
