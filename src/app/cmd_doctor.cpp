// `brainmt doctor`: capabilities of build and machine, and settings known to cause problems. Run it under the launcher
// used for training (mpirun, srun): some problems show only there.
#include <fmt/format.h>
#include <mpi.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "app/build_info.hpp"
#include "app/command_table.hpp"
#include "app/device.hpp"
#include "app/machine.hpp"
#include "dnn/backend.hpp"

namespace brainmt::app {
namespace {

const config::Schema& schema() {
  static const config::Schema none("doctor", {}, {}, {},
                                   {.examples = {"brainmt doctor", "srun --mpi=pmix brainmt doctor"}});
  return none;
}

std::string thread_level() {
  int level = MPI_THREAD_SINGLE;
  MPI_Query_thread(&level);
  switch (level) {
    case MPI_THREAD_MULTIPLE:
      return "multiple";
    case MPI_THREAD_SERIALIZED:
      return "serialized";
    case MPI_THREAD_FUNNELED:
      return "funneled";
    default:
      return "single";
  }
}

// Where a program is, searching PATH.
std::string program_path(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "");
  std::error_code ignored;
  for (std::string folder; std::getline(folders, folder, ':');) {
    const auto candidate = std::filesystem::path(folder) / name;
    if (std::filesystem::is_regular_file(candidate, ignored)) return candidate.string();
  }
  return {};
}

std::string slurm_state(const Machine& machine) {
  const auto job = machine.environment.find("SLURM_JOB_ID");
  if (job != machine.environment.end()) return fmt::format("inside job {}", job->second);
  const std::string sbatch = program_path("sbatch");
  return sbatch.empty() ? "not installed here" : fmt::format("{} (outside a job)", sbatch);
}

void print_line(const char* name, const std::string& text) { fmt::print("  {:<14} {}\n", name, text); }

void print_machine(const Machine& machine) {
  constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;
  fmt::print("\nmachine\n");
  print_line("processor", fmt::format("{}; AVX-512 {}; bf16 {}", machine.processor, machine.avx512 ? "yes" : "no",
                                      machine.bf16 ? "yes" : "no"));
  print_line("memory", fmt::format("{:.1f} GiB, {:.1f} GiB free; /dev/shm {:.2f} GiB",
                                   static_cast<double>(machine.memory_bytes) / kGiB,
                                   static_cast<double>(machine.available_bytes) / kGiB,
                                   static_cast<double>(machine.shared_memory_bytes) / kGiB));
  print_line("Slurm", slurm_state(machine));
}

ExitCode run(CommandContext& context) {
  const Launch launch = read_launch(context.mpi);
  if (!context.is_root()) return ExitCode::kDone;
  const Machine machine = read_machine();
  fmt::print("{}", version_text());
  fmt::print("\nthis run\n");
  print_line("ranks",
             fmt::format("{}; {} on this node, on {} cores", launch.ranks, launch.node_ranks, launch.node_cores));
  print_line("MPI threads", thread_level());
  print_line("kernels", fmt::format("{} x {} threads", execution_space(), kernel_threads()));
  for (const std::string& device : device_lines()) print_line("device", device);
  print_line("dense algebra", fmt::format("{} threads a rank", launch.threads));
  print_line("bf16 products", dnn::has_native_bf16() ? "on the processor's instructions" : "emulated (slow)");
  print_machine(machine);
  const auto found = pitfalls(machine, launch);
  fmt::print("\npitfalls{}\n", found.empty() ? ": none found" : "");
  for (const std::string& line : found) fmt::print("  - {}\n", line);
  return ExitCode::kDone;
}

}  // namespace

Command doctor_command() {
  return {.name = "doctor",
          .summary = "what this build and machine can do: back ends, MPI, HDF5, Slurm, pitfalls found",
          .schema = schema,
          .run = run,
          .computes = never_computes};
}

}  // namespace brainmt::app
