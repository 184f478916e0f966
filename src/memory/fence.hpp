#pragma once
// For files that only have to wait for the kernels and do not include Kokkos.
namespace brainmt {

/// Returns when all that was launched on the default execution space instance has ended. Free on the host.
void wait_for_kernels();

}  // namespace brainmt
