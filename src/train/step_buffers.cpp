#include "train/step_buffers.hpp"

namespace brainmt::train {

void StepBuffers::fill(const task::MicroBatch& batch, const std::vector<float>& draws, std::int64_t terms) {
  BRAINMT_CHECK(batch.targets.size() == batch.weights.size(), "{} targets, {} weights", batch.targets.size(),
                batch.weights.size());
  std::vector<float> values = batch.targets;
  values.insert(values.end(), batch.weights.begin(), batch.weights.end());
  values.insert(values.end(), draws.begin(), draws.end());

  const Shape value_shape{static_cast<std::int64_t>(values.size())};
  const bool same = input_ && input_.shape() == batch.input.shape() && input_.dtype() == batch.input.dtype() &&
                    values_.shape() == value_shape;
  if (!same) {
    label_count_ = static_cast<std::int64_t>(batch.targets.size());
    input_ = batch.input;
    values_ = Tensor(value_shape, DType::kF32);
    const Shape loss_shape{static_cast<std::int64_t>(batch.samples.size()), terms};
    loss_ = Tensor(loss_shape, DType::kF32);
    const std::vector<float> ones(static_cast<std::size_t>(loss_shape.count()), 1.0f);
    ones_ = Tensor::from_host(ones, loss_shape, DType::kF32);
  }
  if (input_.raw() != batch.input.raw()) input_.copy_from(batch.input);
  values_.fill_from_host(values);
}

task::Labels StepBuffers::labels() const {
  return {values_.slice(0, label_count_), values_.slice(label_count_, 2 * label_count_)};
}

Tensor StepBuffers::draws() const {
  const std::int64_t begin = 2 * label_count_, samples = loss_.shape()[0];
  if (begin == values_.count()) return {};
  return values_.slice(begin, values_.count()).reshape({(values_.count() - begin) / samples, samples});
}

}  // namespace brainmt::train
