#pragma once
// Memory of this process as the kernel counts it.
#include <cstddef>

namespace brainmt::bench {

/// Bytes resident now (VmRSS); 0 where the system does not say.
std::size_t resident_bytes();
/// Most resident bytes since the last reset (VmHWM); 0 where the system does not say.
std::size_t peak_resident_bytes();
/// Starts a new peak at today's resident size; without effect where the system does not allow it.
void reset_peak_resident();

}  // namespace brainmt::bench
