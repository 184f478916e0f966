#pragma once
// How this process was started: how many ranks share the node, and its cores.
#include <mpi.h>

namespace brainmt::app {

struct Launch {
  int ranks = 1;       // of the whole job
  int node_ranks = 1;  // on this node
  int node_cores = 1;  // that the ranks on this node may use together
  int threads = 1;     // of a rank
};

/// Collective.
Launch read_launch(MPI_Comm comm);

/// Collective. Gives each rank its share of the node's cores, unless OMP_NUM_THREADS says otherwise: threads of several
/// ranks that take turns on one core wait for each other and can make a run twenty times slower. `one_thread`: one
/// each, ignoring OMP_NUM_THREADS: libraries sum by thread, so their number decides bits (deterministic=world).
void share_cores(MPI_Comm comm, bool one_thread);

}  // namespace brainmt::app
