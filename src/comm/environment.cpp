#include "comm/environment.hpp"

#include <mpi.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

#include "base/error.hpp"
#include "base/log.hpp"
#include "comm/mpi_communicator.hpp"
#include "comm/self_communicator.hpp"

namespace brainmt::comm {
namespace {

constexpr unsigned kAbortSeconds = 5;

int world_size() {
  int size = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  return size;
}

std::optional<int> integer_variable(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr) return std::nullopt;
  const std::string_view view(text);
  int value = 0;
  const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), value);
  if (error != std::errc{} || end != view.data() + view.size()) return std::nullopt;
  return value;
}

}  // namespace

Environment::Environment(int* argc, char*** argv) {
  const LauncherEnvironment launcher = LauncherEnvironment::read();  // before MPI adds variables of its own
  int initialized = 0;
  MPI_Initialized(&initialized);
  if (!initialized) {
    int provided = MPI_THREAD_SINGLE;
    if (MPI_Init_thread(argc, argv, MPI_THREAD_MULTIPLE, &provided) != MPI_SUCCESS) {
      throw CommError("MPI could not be started; try one process without a launcher to see whether MPI itself works");
    }
    started_here_ = true;
    if (provided < MPI_THREAD_MULTIPLE) {
      log::warn("this MPI offers thread level {} only: a hang may end without naming its section", provided);
    }
  }
  if (const auto reason = launcher_mismatch(launcher, world_size())) {
    if (started_here_) MPI_Finalize();
    throw CommError(*reason);
  }
}

Environment::~Environment() {
  int finalized = 0;
  MPI_Finalized(&finalized);
  if (started_here_ && !finalized) MPI_Finalize();
}

std::unique_ptr<Communicator> Environment::world() const {
  if (world_size() == 1) return std::make_unique<SelfCommunicator>();
  return std::make_unique<MpiCommunicator>(MPI_COMM_WORLD);
}

LauncherEnvironment LauncherEnvironment::read() {
  return {integer_variable("SLURM_STEP_NUM_TASKS"), std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr};
}

std::optional<std::string> launcher_mismatch(const LauncherEnvironment& launcher, int world_size) {
  if (launcher.mpirun || !launcher.slurm_step_tasks || *launcher.slurm_step_tasks == world_size) return std::nullopt;
  return fmt::format(
      "Slurm started {} tasks but MPI connected {}: use srun --mpi=pmix, or mpirun inside the allocation",
      *launcher.slurm_step_tasks, world_size);
}

void end_job(int exit_code) {
  // MPI_Abort can itself block when the library is stuck in another thread; the alarm's default action then ends us.
  alarm(kAbortSeconds);
  int initialized = 0, finalized = 0;
  MPI_Initialized(&initialized);
  MPI_Finalized(&finalized);
  if (initialized && !finalized) MPI_Abort(MPI_COMM_WORLD, exit_code);
  _exit(exit_code);
}

}  // namespace brainmt::comm
