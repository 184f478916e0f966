#pragma once
// Input and output buffers of a micro step with fixed addresses: batch, labels, random factors, losses. All that
// differs between micro steps of one shape is in them, so the step can be captured once and launched with other
// contents.
#include <cstdint>
#include <span>
#include <vector>

#include "task/micro_batch.hpp"
#include "task/objective.hpp"
#include "tensor/tensor.hpp"

namespace brainmt::train {

class StepBuffers {
 public:
  /// Takes a batch with samples, and the random factors of its samples, [branches, B] (may be empty); `terms`: of its
  /// loss. Labels and factors go to the device in one copy. While the sizes stay, so do all
  /// addresses: an input that lies elsewhere is copied.
  void fill(const task::MicroBatch& batch, const std::vector<float>& draws, std::int64_t terms);

  const Tensor& input() const { return input_; }  // [B, sample]; undefined before the first fill()
  task::Labels labels() const;
  Tensor draws() const;                         // [branches, B]; undefined where there are none
  const Tensor& loss() const { return loss_; }  // [B, terms], for the step to write
  const Tensor& ones() const { return ones_; }  // [B, terms], the gradient of the sum of all terms

 private:
  std::int64_t label_count_ = 0;         // B * K
  Tensor input_, values_, loss_, ones_;  // values_: targets, weights, draws
};

}  // namespace brainmt::train
