#pragma once
// Libraries and options of this build, for --version and doctor.
#include <string>
#include <utility>
#include <vector>

namespace brainmt::app {

/// (library, version), those that decide numbers or files first. Callable before MPI is started.
std::vector<std::pair<std::string, std::string>> library_versions();

std::string kokkos_version();
/// The execution space of this build's kernels: "Serial", "OpenMP", "Cuda".
std::string execution_space();
/// Threads of the kernels; 0 where their device has not been started.
int kernel_threads();

/// The text of --version.
std::string version_text();

}  // namespace brainmt::app
