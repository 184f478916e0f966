#pragma once
// The losses of kernels/loss.hpp by name, for files that only choose one.
namespace brainmt::kernels {

enum class Loss { kMse, kBceWithLogits };

}  // namespace brainmt::kernels
