#include "bench/process_memory.hpp"

#include <fstream>
#include <string>

namespace brainmt::bench {

namespace {

std::size_t bytes_of(const char* line) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != line) continue;
    std::size_t kib = 0;
    status >> kib;
    return kib * 1024;
  }
  return 0;
}

}  // namespace

std::size_t resident_bytes() { return bytes_of("VmRSS:"); }

std::size_t peak_resident_bytes() { return bytes_of("VmHWM:"); }

void reset_peak_resident() { std::ofstream("/proc/self/clear_refs") << "5"; }

}  // namespace brainmt::bench
