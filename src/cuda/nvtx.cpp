// Ranges for NVIDIA's timeline tools, for builds with CUDA; profile/nvtx.cpp has the stubs of the others.
#include "profile/nvtx.hpp"

#include <nvtx3/nvToolsExt.h>

namespace brainmt::profile::nvtx {

bool available() { return true; }
void push(const char* label) { nvtxRangePushA(label); }
void pop() { nvtxRangePop(); }

}  // namespace brainmt::profile::nvtx
