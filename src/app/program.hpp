#pragma once
// The main program: from the command line to the exit code.

namespace brainmt::app {

/// Parses, starts MPI and Kokkos, runs the command, and reports an error as one line on stderr. Help, version, --cfg
/// and usage errors need no MPI; under a launcher they are printed once. An error on one rank of several ends all of
/// them.
int run_program(int argc, char** argv);

}  // namespace brainmt::app
