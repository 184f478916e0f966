#pragma once
// The losses of kernels/loss.hpp by name, for files that only choose one.
namespace brainmt::kernels {

enum class Loss { kMse, kBceWithLogits };

/// The kinds of the losses of K targets as a kernel reads them: Loss as a number of type M.
template <class M>
M code_of(Loss kind) {
  return kind == Loss::kBceWithLogits ? M(1) : M(0);
}

}  // namespace brainmt::kernels
