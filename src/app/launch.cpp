#include "app/launch.hpp"

#include <omp.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>

namespace brainmt::app {

Launch read_launch(MPI_Comm comm) {
  Launch launch;
  MPI_Comm_size(comm, &launch.ranks);
  MPI_Comm node = MPI_COMM_NULL;
  MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
  MPI_Comm_size(node, &launch.node_ranks);
  // The union of the cores that the ranks are bound to.
  cpu_set_t mine, together;
  CPU_ZERO(&mine);
  sched_getaffinity(0, sizeof mine, &mine);
  MPI_Allreduce(&mine, &together, sizeof mine, MPI_BYTE, MPI_BOR, node);
  MPI_Comm_free(&node);
  launch.node_cores = CPU_COUNT(&together);
  launch.threads = omp_get_max_threads();
  return launch;
}

void share_cores(MPI_Comm comm, bool one_thread) {
  const Launch launch = read_launch(comm);
  if (one_thread) return omp_set_num_threads(1);
  if (std::getenv("OMP_NUM_THREADS") != nullptr) return;
  omp_set_num_threads(std::clamp(launch.node_cores / launch.node_ranks, 1, launch.threads));
}

}  // namespace brainmt::app
