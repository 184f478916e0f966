#include "app/program.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <new>
#include <optional>
#include <system_error>
#include <thread>

#include "app/build_info.hpp"
#include "app/command_line.hpp"
#include "app/device.hpp"
#include "app/launch.hpp"
#include "base/fault.hpp"
#include "base/log.hpp"
#include "base/signals.hpp"
#include "comm/environment.hpp"
#include "comm/mpi_communicator.hpp"
#include "dnn/backend.hpp"
#include "memory/pool.hpp"
#include "profile/nvtx.hpp"

namespace brainmt::app {
namespace {

struct Failure {
  ExitCode code;
  std::string message;
};

// The exception that is being handled, as exit code and one line.
Failure current_failure() {
  std::string message;
  ExitCode code = ExitCode::kInternal;
  try {
    throw;
  } catch (const Error& error) {
    code = error.code();
    message = error.what();
  } catch (const std::filesystem::filesystem_error& error) {
    code = ExitCode::kOutput;
    message = error.what();
  } catch (const std::bad_alloc&) {  // beside the tensors, which say more (app/device_host.cpp)
    message = fmt::format(
        "out of memory, {:.1f} MiB were in tensors at most: try a smaller run.batch_size, model.recompute=block or "
        "fewer ranks per node",
        static_cast<double>(pool::statistics().peak_bytes) / (1024.0 * 1024.0));
  } catch (const std::system_error& error) {  // what std::thread throws
    message = error.code() == std::errc::resource_unavailable_try_again
                  ? "cannot start a thread: raise the limit on processes (ulimit -u), or use fewer ranks per node"
                  : fmt::format("internal error: {}", error.what());
  } catch (const std::exception& error) {
    message = fmt::format("internal error: {}", error.what());
  } catch (...) {
    message = "internal error: an exception of unknown type";
  }
  constexpr std::size_t kMaxBytes = 1800;  // a hostile name may have thousands of bytes
  if (message.size() > kMaxBytes) message = message.substr(0, kMaxBytes) + "...";
  for (char& c : message) {  // one line without control characters
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return {code, message};
}

int print_failure(const Failure& failure, const std::string& prefix = {}) {
  fmt::print(stderr, "brainmt: {}error: {}\n", prefix, failure.message);
  return static_cast<int>(failure.code);
}

// The rank that the launcher gave this process, before MPI is started; 0 without a launcher.
int launcher_rank() {
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"}) {
    if (const char* text = std::getenv(name)) return std::atoi(text);
  }
  return 0;
}

bool launcher_has_other_ranks() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"}) {
    const char* text = std::getenv(name);
    if (text != nullptr && std::atoi(text) > 1) return true;
  }
  return false;
}

// Results that did not reach stdout are an output error, except when the reader closed the pipe.
void flush_results() {
  errno = 0;
  const bool failed = std::fflush(stdout) != 0 || std::ferror(stdout) != 0;
  if (failed && errno != EPIPE && errno != 0)
    throw OutputError(fmt::format("standard output: {}", std::strerror(errno)));
}

// Called on all ranks after a common failure, or on the one rank that failed. Rank 0 prints first; the others learn
// from the launcher's SIGTERM after its abort that the line was printed.
[[noreturn]] void end_all_ranks(const Failure& failure, int rank) {
  on_stop(OnStop::kSetFlag);
  if (rank == 0) comm::end_job(print_failure(failure));
  constexpr std::chrono::milliseconds kRankZeroFirst{1000}, kPoll{20};
  request_stop(false);
  for (std::chrono::milliseconds waited{0}; waited < kRankZeroFirst; waited += kPoll) {
    if (stop_requested()) _exit(static_cast<int>(failure.code));
    std::this_thread::sleep_for(kPoll);
  }
  comm::end_job(print_failure(failure, fmt::format("rank {}: ", rank)));
}

// An uncaught exception (of a thread or destructor) must not leave the other ranks waiting.
[[noreturn]] void on_terminate() {
  int initialized = 0, finalized = 0;
  MPI_Initialized(&initialized);
  MPI_Finalized(&finalized);
  const int code =
      std::current_exception() ? print_failure(current_failure()) : print_failure({ExitCode::kInternal, "terminated"});
  if (initialized && !finalized) comm::end_job(code);
  std::_Exit(code);
}

// Of commands that compute: they all have these keys, or none.
void configure_dense_algebra(const config::Config& config) {
  if (!config.schema().find("device.deterministic")) return;
  dnn::configure({.deterministic = config.get<bool>("device.deterministic"),
                  .tune = config.get<bool>("device.tune"),
                  .tf32 = config.get<bool>("device.tf32"),
                  .tanh_gelu = config.get<bool>("device.tanh_gelu")});
}

// BRAINMT_NVTX=1: names on the timeline of NVIDIA's tools, for any command.
bool nvtx_wanted() {
  const char* text = std::getenv("BRAINMT_NVTX");
  return text != nullptr && *text != '\0' && std::strcmp(text, "0") != 0;
}

ExitCode run_command(const CommandLine& line, const config::Config& config, comm::Communicator& world) {
  const auto* over_mpi = dynamic_cast<comm::MpiCommunicator*>(&world);
  log::init(world.rank(), world.size());
  if (nvtx_wanted() && !profile::nvtx::available() && world.rank() == 0)
    log::warn("BRAINMT_NVTX: this build has no CUDA, so there are no ranges");
  CommandContext context{.config = config,
                         .comm = world,
                         .mpi = over_mpi != nullptr ? over_mpi->handle() : MPI_COMM_SELF,
                         .operands = line.operands,
                         .options = line.options,
                         .overrides = line.overrides,
                         .dry_run = line.dry_run};
  configure_dense_algebra(config);
  const ExitCode code = line.command->run(context);
  flush_results();
  return code;
}

bool is_world(const config::Config& config) {
  const auto has_key = [](const config::Key& key) { return key.name == "deterministic"; };
  return std::ranges::any_of(config.schema().keys(), has_key) && config.get<std::string>("deterministic") == "world";
}

int run_on_ranks(int& argc, char**& argv, const CommandLine& line, const config::Config& config) {
  comm::Environment environment(&argc, &argv);
  std::set_terminate(on_terminate);
  const auto world = environment.world();
  share_cores(MPI_COMM_WORLD, is_world(config));      // before Kokkos, which counts its threads when it starts
  const profile::nvtx::Ranges ranges(nvtx_wanted());  // before Kokkos too, which asks its tools when it starts
  try {
    std::optional<DeviceScope> device;
    if (!needs_device() || line.command->computes(line.operands, line.dry_run)) device.emplace(MPI_COMM_WORLD);
    return static_cast<int>(run_command(line, config, *world));
  } catch (...) {
    const Failure failure = current_failure();
    if (world->size() > 1) end_all_ranks(failure, world->rank());
    return print_failure(failure);
  }
}

// What needs neither MPI nor data: the text to print.
std::string text_for(const CommandLine& line, const config::Config* config) {
  switch (line.action) {
    case CommandLine::Action::kHelp:
      return line.command != nullptr ? command_help(*line.command, config->schema()) : program_help(commands());
    case CommandLine::Action::kVersion:
      return version_text();
    case CommandLine::Action::kPrintConfig:
      return config->to_yaml(/*comments=*/true);
    case CommandLine::Action::kRun:
      break;
  }
  return {};
}

}  // namespace

int run_program(int argc, char** argv) {
  try {
    const CommandLine line = parse_command_line(argc, argv, commands());
    std::optional<config::Config> config;
    if (line.command != nullptr) {
      config = config::resolve(
          line.command->schema(),
          {.file = line.config_file, .overrides = line.overrides, .directories = config::default_directories()});
    }
    if (line.action == CommandLine::Action::kRun) {
      config->validate();
      if (!line.command->stops_itself(line.operands))
        on_stop(OnStop::kEnd, {.speaks = launcher_rank() == 0,
                               .continues = line.command->continues,
                               .has_other_ranks = launcher_has_other_ranks()});
      fault::at("program.begin", launcher_rank(), 0);
      return run_on_ranks(argc, argv, line, *config);
    }
    if (launcher_rank() == 0) fmt::print("{}", text_for(line, config ? &*config : nullptr));
    flush_results();
    return static_cast<int>(ExitCode::kDone);
  } catch (...) {
    const Failure failure = current_failure();
    return launcher_rank() == 0 ? print_failure(failure) : static_cast<int>(failure.code);
  }
}

}  // namespace brainmt::app
