#include "cuda/device.hpp"

#include <array>
#include <map>
#include <utility>

#include "cuda/error.hpp"

namespace brainmt::cuda {
namespace {

std::string cuda_version(int v) { return fmt::format("{}.{}", v / 1000, v % 1000 / 10); }
// cuDNN 9 counts 9.19.0 as 91900, cuBLAS 13.1.0 as 130100.
std::string library_version(std::size_t v) { return fmt::format("{}.{}.{}", v / 10000, v / 100 % 100, v % 100); }

std::string uuid_text(const cudaUUID_t& uuid) {
  std::string text = "GPU-";
  for (std::size_t i = 0; i < sizeof(uuid.bytes); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", static_cast<unsigned char>(uuid.bytes[i]));
  }
  return text;
}

std::string size_text(std::size_t bytes) {
  constexpr double kMiB = 1024.0 * 1024.0;
  const double mib = static_cast<double>(bytes) / kMiB;
  return mib < 1024.0 ? fmt::format("{:.1f} MiB", mib) : fmt::format("{:.2f} GiB", mib / 1024.0);
}

DeviceInfo info_of(int device) {
  cudaDeviceProp p{};
  check(cudaGetDeviceProperties(&p, device), "properties of GPU {}", device);
  return {p.name, p.major, p.minor, p.totalGlobalMem, p.multiProcessorCount, uuid_text(p.uuid)};
}

// Why this machine has no device that the program can use; empty when it has one.
std::string obstacle(const Machine& m) {
  if (m.driver == 0) return "no NVIDIA driver on this machine: run on a GPU node, or use a CPU build";
  // Within a major version, an older driver runs newer run times.
  if (m.driver / 1000 < m.runtime / 1000 || m.status == cudaErrorInsufficientDriver)
    return fmt::format(
        "the NVIDIA driver supports CUDA {}, this program was built with {}: it needs a newer driver, or "
        "a build with CUDA {} or older",
        cuda_version(m.driver), cuda_version(m.runtime), cuda_version(m.driver));
  if (m.devices.empty())
    return fmt::format("no GPU is visible ({}): ask Slurm for one (--gpus-per-task=1), and check CUDA_VISIBLE_DEVICES",
                       m.status == cudaSuccess ? "none found" : cudaGetErrorString(static_cast<cudaError_t>(m.status)));
  if (m.cudnn < kOldestCudnn)
    return fmt::format(
        "cuDNN {} was found, {} or newer is needed (older ones compute bf16 convolutions wrongly or "
        "slowly): load a newer module",
        library_version(m.cudnn), library_version(kOldestCudnn));
  return {};
}

}  // namespace

Machine query() {
  Machine m;
  if (cudaDriverGetVersion(&m.driver) != cudaSuccess) m.driver = 0;
  check(cudaRuntimeGetVersion(&m.runtime), "version of the CUDA run time");
  m.cudnn = cudnnGetVersion();
  m.cublas = cublasLtGetVersion();
  int count = 0;
  m.status = cudaGetDeviceCount(&count);
  if (m.status != cudaSuccess) {
    (void)cudaGetLastError();
    return m;
  }
  for (int i = 0; i < count; ++i) m.devices.push_back(info_of(i));
  return m;
}

int device_for(const Machine& machine, int local_rank) {
  BRAINMT_CHECK(local_rank >= 0, "local rank {}", local_rank);
  if (const std::string reason = obstacle(machine); !reason.empty()) throw UsageError(reason);
  const int device = local_rank % static_cast<int>(machine.devices.size());
  const DeviceInfo& info = machine.devices[static_cast<std::size_t>(device)];
  if (info.major < 8)
    throw UsageError(fmt::format("GPU {} ({}) has compute capability {}.{}, 8.0 or newer is needed (bf16)", device,
                                 info.name, info.major, info.minor));
  return device;
}

void check_unshared(const std::vector<Placement>& placements) {
  using Key = std::pair<std::string, std::string>;
  std::map<Key, int> owner;
  std::map<std::string, std::pair<int, int>> count;  // of ranks and of distinct devices, by host
  const Placement* second = nullptr;
  for (const Placement& p : placements) {
    const bool fresh = owner.emplace(Key{p.host, p.uuid}, p.rank).second;
    auto& [ranks, devices] = count[p.host];
    ++ranks;
    devices += fresh ? 1 : 0;
    if (!fresh && second == nullptr) second = &p;
  }
  if (second == nullptr) return;
  const auto [ranks, devices] = count.at(second->host);
  throw UsageError(fmt::format(
      "ranks {} and {} on {} would share {}: {} ranks use {} GPU(s) there; start one rank per "
      "GPU (--ntasks-per-node={} or --gpus-per-task=1)",
      owner.at({second->host, second->uuid}), second->rank, second->host, second->uuid, ranks, devices, devices));
}

void use(int device) {
  check(cudaSetDevice(device), "choice of GPU {}", device);
  check(cudaFree(nullptr), "start of GPU {}", device);  // creates the context, so that a failure is reported here
}

std::string out_of_memory_text(std::string_view stage, std::size_t asked_bytes, const MemoryInfo& memory, int device,
                               std::size_t captured_bytes) {
  const std::string asked = asked_bytes == 0 ? std::string() : fmt::format(", asked for {}", size_text(asked_bytes));
  const std::string captured =
      captured_bytes == 0
          ? "try"
          : fmt::format("captured steps hold {}: set device.graphs=false, or try", size_text(captured_bytes));
  return fmt::format(
      "GPU {}: out of memory in {}{}, {} of {} free: {} model.recompute=block, a smaller run.batch_size or a smaller "
      "model.frame_chunk",
      device, stage, asked, size_text(memory.free_bytes), size_text(memory.total_bytes), captured);
}

void fail_out_of_memory(std::string_view stage, std::size_t asked_bytes, std::size_t captured_bytes) {
  (void)cudaGetLastError();  // clears the error, or the next launch check would report it
  int device = 0;
  MemoryInfo memory;
  if (cudaGetDevice(&device) != cudaSuccess || cudaMemGetInfo(&memory.free_bytes, &memory.total_bytes) != cudaSuccess)
    (void)cudaGetLastError();  // the sizes stay 0: the message that matters is the first one
  throw DeviceMemoryError(out_of_memory_text(stage, asked_bytes, memory, device, captured_bytes));
}

std::string suggestions_of(const Machine& machine, int device) {
  const DeviceInfo& d = machine.devices.at(static_cast<std::size_t>(device));
  return fmt::format("{} (sm_{}{} x {}), cuDNN {}, cuBLASLt {}", d.name, d.major, d.minor, d.multiprocessors,
                     library_version(machine.cudnn), library_version(machine.cublas));
}

std::vector<std::string> describe(const Machine& machine) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < machine.devices.size(); ++i) {
    const DeviceInfo& d = machine.devices[i];
    lines.push_back(fmt::format("GPU {}: {}, sm_{}{}, {} multiprocessors, {:.1f} GiB", i, d.name, d.major, d.minor,
                                d.multiprocessors, static_cast<double>(d.memory_bytes) / (1024.0 * 1024.0 * 1024.0)));
  }
  const std::string driver = machine.driver == 0 ? "none" : "CUDA " + cuda_version(machine.driver);
  lines.push_back(fmt::format("driver {}, run time CUDA {}, cuDNN {}, cuBLASLt {}", driver,
                              cuda_version(machine.runtime), library_version(machine.cudnn),
                              library_version(machine.cublas)));
  if (const std::string reason = obstacle(machine); !reason.empty()) lines.push_back(reason);
  return lines;
}

}  // namespace brainmt::cuda
