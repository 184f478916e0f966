#pragma once
// The quickstart's training once more, in double: model, AdamW and clipping in fp64 (on the oracle kernels where
// host and device have kernels of their own), a loss and a loop that are written here. It shares with the
// program the data order, the windows as fp32, the initial weights as fp32, and DropPath's draws. For builds whose
// tensors lie in the host's memory.
#include <cstdint>
#include <vector>

#include "curve/quickstart.hpp"

namespace brainmt::test {

/// The first `steps` steps. With `rounding` u > 0 every step computes with weights and gradients of which each element
/// is multiplied by 1 + u x, x uniform in [-1, 1] and drawn from stream `twin`: what rounding them by at most u does.
std::vector<StepValues> train_in_double(const train::TrainSettings& settings, const io::Cohort& cohort,
                                        std::int64_t steps, double rounding = 0, std::uint64_t twin = 0);

}  // namespace brainmt::test
