#pragma once
// What the dense library of this build is, for `brainmt doctor` and --version.
#include <string>

namespace brainmt::dnn {

/// One line: library, version, threading run time, instruction set in use.
std::string describe();

/// Whether bf16 products run on the processor's own bf16 instructions; without them bf16 is correct but slow.
bool has_native_bf16();

}  // namespace brainmt::dnn
