#pragma once
// Which version of the program this is: for --version and for the provenance of a run.
#include <string>

namespace brainmt {

std::string version();       // "0.1.0"
std::string git_revision();  // `git describe --always --dirty` when it was built, or "unknown" outside a clone
std::string compiler();      // "GNU 12.2.0, Release, -march=native"

}  // namespace brainmt
