#include "app/machine.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <fstream>

namespace brainmt::app {
namespace {

constexpr std::uint64_t kMiB = 1ull << 20;

constexpr const char* kVariables[] = {"SLURM_JOB_ID",
                                      "SLURM_STEP_NUM_TASKS",
                                      "SLURM_NTASKS",
                                      "OMPI_COMM_WORLD_SIZE",
                                      "PMIX_RANK",
                                      "OMPI_ALLOW_RUN_AS_ROOT",
                                      "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM",
                                      "HDF5_USE_FILE_LOCKING"};

int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  return CPU_COUNT(&set);
}

// Value after "name" and a colon on a line of a /proc file, without blanks around it.
std::optional<std::string> proc_field(const char* path, const std::string& name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || !line.starts_with(name)) continue;
    const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? std::string() : line.substr(begin);
  }
  return std::nullopt;
}

// A /proc/meminfo entry, "123456 kB", in bytes.
std::uint64_t memory_field(const std::string& name) {
  const std::string text = proc_field("/proc/meminfo", name).value_or("0");
  return std::strtoull(text.c_str(), nullptr, 10) * 1024;
}

std::optional<int> as_int(const Machine& machine, const std::string& name) {
  const auto found = machine.environment.find(name);
  if (found == machine.environment.end()) return std::nullopt;
  int value = 0;
  const std::string& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Machine read_machine() {
  Machine machine;
  machine.processor = proc_field("/proc/cpuinfo", "model name").value_or("unknown");
  const std::string flags = fmt::format(" {} ", proc_field("/proc/cpuinfo", "flags").value_or(""));
  machine.avx512 = flags.find(" avx512f ") != std::string::npos;
  machine.bf16 = flags.find(" avx512_bf16 ") != std::string::npos || flags.find(" amx_bf16 ") != std::string::npos;
  machine.cores = usable_cores();
  machine.memory_bytes = memory_field("MemTotal");
  machine.available_bytes = memory_field("MemAvailable");
  struct statvfs shm {};
  if (statvfs("/dev/shm", &shm) == 0) machine.shared_memory_bytes = std::uint64_t{shm.f_blocks} * shm.f_frsize;
  machine.is_root = geteuid() == 0;
  for (const char* name : kVariables) {
    if (const char* value = std::getenv(name)) machine.environment[name] = value;
  }
  return machine;
}

std::vector<std::string> pitfalls(const Machine& machine, const Launch& launch) {
  std::vector<std::string> found;
  const auto has = [&](const char* name) { return machine.environment.contains(name); };
  if (launch.threads * launch.node_ranks > launch.node_cores) {
    found.push_back(fmt::format(
        "{} ranks x {} threads on {} cores: they take turns; use fewer ranks, or set OMP_NUM_THREADS={}",
        launch.node_ranks, launch.threads, launch.node_cores, std::max(1, launch.node_cores / launch.node_ranks)));
  }
  const auto tasks = has("SLURM_STEP_NUM_TASKS") ? as_int(machine, "SLURM_STEP_NUM_TASKS") : std::nullopt;
  if (tasks && *tasks != launch.ranks && !has("OMPI_COMM_WORLD_SIZE")) {
    found.push_back(
        fmt::format("Slurm started {} tasks but MPI connected {}: use srun --mpi=pmix", *tasks, launch.ranks));
  }
  const auto allocated = as_int(machine, "SLURM_NTASKS");
  if (allocated && launch.ranks < *allocated && !tasks) {
    found.push_back(
        fmt::format("{} of the {} tasks of this Slurm allocation are used: start with srun --mpi=pmix or mpirun",
                    launch.ranks, *allocated));
  }
  if (!machine.bf16)
    found.push_back("this processor has no bf16 instructions: precision=bf16 is correct here but slow");
  const bool root_allowed = has("OMPI_ALLOW_RUN_AS_ROOT") && has("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM");
  if (machine.is_root && !root_allowed) {
    found.push_back(
        "running as root: Open MPI's mpirun needs OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1");
  }
  if (machine.shared_memory_bytes < 64 * kMiB) {
    found.push_back(
        fmt::format("/dev/shm has {} MiB: ranks of one node exchange gradients through it, 64 MiB or more are "
                    "needed (containers: --shm-size)",
                    machine.shared_memory_bytes / kMiB));
  }
  return found;
}

}  // namespace brainmt::app
