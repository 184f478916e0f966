#pragma once
// Which GPU a rank uses, and what it is. One rank per GPU: the layer's allocator and timings assume exclusive use.
// query() reads the machine; the other functions are pure decisions, tested without a GPU. No CUDA headers here.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace brainmt::cuda {

struct DeviceInfo {
  std::string name;  // "NVIDIA H100 80GB HBM3"
  int major = 0, minor = 0;
  std::size_t memory_bytes = 0;
  int multiprocessors = 0;
  std::string uuid;  // identifies the device, independent of its visible index
};

/// What the CUDA run time says about this process. Versions as CUDA counts: 13000 is 13.0.
struct Machine {
  int status = 0;                   // cudaError_t of counting the devices
  int driver = 0;                   // newest CUDA that the driver supports; 0: no driver
  int runtime = 0;                  // CUDA that this program was built with
  std::vector<DeviceInfo> devices;  // those visible to this process
  std::size_t cudnn = 0;            // 91900 is 9.19.0
  std::size_t cublas = 0;           // 130100 is 13.1.0
};

/// Never throws for want of a device.
Machine query();

/// Index of the device for the `local_rank`-th rank on this node. Launchers either show all devices of the node to each
/// rank or one to each; both give distinct devices as long as there are enough, which check_unshared() finds out.
/// UsageError: no device, driver older than the run time, compute capability below 8.0, cuDNN older than 9.15.
int device_for(const Machine& machine, int local_rank);

/// A rank and the device that it took.
struct Placement {
  int rank = 0;
  std::string host;
  std::string uuid;
};
/// UsageError when two ranks on a host have the same device; names the ranks and the devices. Every rank passes the
/// placements of all ranks and so comes to the same verdict.
void check_unshared(const std::vector<Placement>& placements);

/// Makes `device` the current one of this process and wakes it up.
void use(int device);

/// The device has no room. Ends a command like std::bad_alloc does on the host (app/program.cpp).
struct DeviceMemoryError : Error {
  explicit DeviceMemoryError(const std::string& what) : Error(ExitCode::kInternal, what) {}
};

struct MemoryInfo {
  std::size_t free_bytes = 0;
  std::size_t total_bytes = 0;
};

/// One line: stage ("conv3d backward weights workspace"), bytes asked for (0: unknown), what the device has, which
/// options lower it. `captured_bytes`: held for captured steps (memory/pool.hpp); where there are any, giving them up
/// comes first.
std::string out_of_memory_text(std::string_view stage, std::size_t asked_bytes, const MemoryInfo& memory, int device,
                               std::size_t captured_bytes = 0);

/// Throws the DeviceMemoryError of the current device. For allocators: call it where cudaMalloc found no room.
[[noreturn]] void fail_out_of_memory(std::string_view stage, std::size_t asked_bytes, std::size_t captured_bytes = 0);

/// What decides which algorithms the libraries suggest, and in which order: the device's kind and their versions.
std::string suggestions_of(const Machine& machine, int device);

/// For `brainmt doctor` and --version: one line per device, and one with the versions of driver and libraries; the
/// reason when there is no usable device.
std::vector<std::string> describe(const Machine& machine);

inline constexpr std::size_t kOldestCudnn = 91500;  // earlier ones have wrong or slow bf16 3-D convolutions

}  // namespace brainmt::cuda
