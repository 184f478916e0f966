#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cuda/device.hpp"
#include "dnn/info.hpp"

namespace brainmt::dnn {

std::string describe() { return fmt::format("{}", fmt::join(cuda::describe(cuda::query()), "; ")); }

bool has_native_bf16() { return true; }  // every device that cuda::device_for() accepts has it

}  // namespace brainmt::dnn
