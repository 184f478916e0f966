#pragma once
// Hardware and environment of this process, read once from /proc, /dev and variables.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/launch.hpp"

namespace brainmt::app {

struct Machine {
  std::string processor;                  // model name
  bool avx512 = false, bf16 = false;      // instructions of the processor
  int cores = 0;                          // cores that this process may use
  std::uint64_t memory_bytes = 0;         // of the machine
  std::uint64_t available_bytes = 0;      // for new programs
  std::uint64_t shared_memory_bytes = 0;  // size of /dev/shm, that MPI ranks of a node talk through; 0: none
  bool is_root = false;
  std::map<std::string, std::string> environment;  // the variables that pitfalls() looks at, those that are set
};

Machine read_machine();

/// Settings that are known to make runs slow, wrong or impossible here: one line each, with what to do.
std::vector<std::string> pitfalls(const Machine& machine, const Launch& launch);

}  // namespace brainmt::app
