#pragma once
// One micro batch of this rank: input, targets and loss weights.
#include <cstdint>
#include <vector>

#include "tensor/tensor.hpp"

namespace brainmt::task {

/// Input of one forward pass. Without samples (an uneven last batch) `input` is undefined and the rank only takes part
/// in the reductions.
struct MicroBatch {
  Tensor input;                       // [B, sample] activation type
  std::vector<float> targets;         // [B, K] scaled, of each target; anything where the label is missing
  std::vector<float> weights;         // [B, K] of each label in the loss; 0 where it is missing
  std::vector<std::int64_t> samples;  // [B] number of each sample within the global batch
};

}  // namespace brainmt::task
