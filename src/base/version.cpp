#include "base/version.hpp"

#include "git_revision.hpp"  // written by cmake/write_git_revision.cmake at each build

namespace brainmt {

std::string version() { return BRAINMT_VERSION; }
std::string git_revision() { return BRAINMT_GIT_REVISION; }
std::string compiler() { return BRAINMT_COMPILER; }

}  // namespace brainmt
