#pragma once
// The memory that a micro step reads and leaves its losses in. All that differs between two micro steps of one shape
// reaches the model's work through here, so that the work itself can be recorded once and replayed with other contents.
#include <cstdint>
#include <span>
#include <vector>

#include "tensor/tensor.hpp"
#include "train/objective.hpp"

namespace brainmt::train {

/// What one forward pass takes. Without samples (an uneven last batch) `input` is undefined and the rank only takes
/// part in the reductions.
struct MicroBatch {
  Tensor input;                       // [B, sample] activation type
  std::vector<float> targets;         // [B, K] scaled, of each target; anything where the label is missing
  std::vector<float> weights;         // [B, K] of each label in the loss; 0 where it is missing
  std::vector<std::int64_t> samples;  // [B] number of each sample within the global batch
};

class StepBuffers {
 public:
  /// Takes a batch with samples, and the random factors of its samples, [branches, B] (may be empty); `terms`: of its
  /// loss. Labels and factors go to the device in one copy. While the sizes stay, so do all
  /// addresses: an input that lies elsewhere is copied.
  void fill(const MicroBatch& batch, const std::vector<float>& draws, std::int64_t terms);

  const Tensor& input() const { return input_; }  // [B, sample]; undefined before the first fill()
  Labels labels() const;
  Tensor draws() const;                         // [branches, B]; undefined where there are none
  const Tensor& loss() const { return loss_; }  // [B, terms], for the step to write
  const Tensor& ones() const { return ones_; }  // [B, terms], the gradient of the sum of all terms

 private:
  std::int64_t label_count_ = 0;         // B * K
  Tensor input_, values_, loss_, ones_;  // values_: targets, weights, draws
};

}  // namespace brainmt::train
