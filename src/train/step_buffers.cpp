#include "train/step_buffers.hpp"

#include <algorithm>

#include "kernels/elementwise.hpp"
#include "kernels/loss.hpp"
#include "tensor/views.hpp"

namespace brainmt::train {
namespace {

// Targets of one kind, as a run with one target has, take a single pass.
std::vector<kernels::Loss> passes_of(const std::vector<kernels::Loss>& kinds) {
  std::vector<kernels::Loss> passes;
  for (const kernels::Loss kind : {kernels::Loss::kMse, kernels::Loss::kBceWithLogits})
    if (std::find(kinds.begin(), kinds.end(), kind) != kinds.end()) passes.push_back(kind);
  return passes;
}

}  // namespace

std::vector<float> label_rows(const std::vector<float>& targets, const std::vector<float>& weights,
                              const std::vector<kernels::Loss>& kinds) {
  BRAINMT_CHECK(targets.size() == weights.size() && targets.size() % kinds.size() == 0, "{} targets, {} weights",
                targets.size(), weights.size());
  std::vector<float> rows = targets;
  for (const kernels::Loss kind : passes_of(kinds))
    for (std::size_t i = 0; i < targets.size(); ++i) rows.push_back(kinds[i % kinds.size()] == kind ? weights[i] : 0);
  return rows;
}

LossValues loss_of(const Tensor& output, const Tensor& labels, const std::vector<kernels::Loss>& kinds) {
  // One pass for each kind of loss, over the labels of its targets; the others have no weight in it and stay as they
  // are.
  const std::vector<kernels::Loss> passes = passes_of(kinds);
  const auto row_count = static_cast<std::int64_t>(passes.size()) + 1;
  BRAINMT_CHECK((labels.shape() == Shape{row_count, output.count()}), "labels {} for outputs {}", labels.shape().str(),
                output.shape().str());
  const Shape flat{output.count()};
  const LossValues values{Tensor(output.shape(), DType::kF32), Tensor(output.shape(), DType::kF32)};
  const auto row = [&](std::int64_t i) { return view1<const float>(labels.slice(i, i + 1)); };
  for (std::size_t i = 0; i < passes.size(); ++i) {
    const LossValues pass{Tensor(flat, DType::kF32), Tensor(flat, DType::kF32)};
    kernels::loss_fwd_bwd<float>(kernels::Exec{}, view1<float>(pass.loss), view1<float>(pass.gradient),
                                 view1<const float>(output), row(0), row(static_cast<std::int64_t>(i) + 1), passes[i]);
    const float kept = i == 0 ? 0 : 1;
    kernels::axpby<float>(kernels::Exec{}, view1<float>(values.loss), 1, view1<const float>(pass.loss), kept);
    kernels::axpby<float>(kernels::Exec{}, view1<float>(values.gradient), 1, view1<const float>(pass.gradient), kept);
  }
  return values;
}

void StepBuffers::fill(const MicroBatch& batch, const std::vector<float>& drop_path,
                       const std::vector<kernels::Loss>& kinds) {
  std::vector<float> values = label_rows(batch.targets, batch.weights, kinds);
  label_rows_ = static_cast<std::int64_t>(values.size() / batch.targets.size());
  values.insert(values.end(), drop_path.begin(), drop_path.end());

  const auto samples = static_cast<std::int64_t>(batch.samples.size());
  const Shape value_shape{static_cast<std::int64_t>(values.size())};
  const bool same = input_ && input_.shape() == batch.input.shape() && input_.dtype() == batch.input.dtype() &&
                    values_.shape() == value_shape;
  if (!same) {
    input_ = batch.input;
    values_ = Tensor(value_shape, DType::kF32);
    loss_ = Tensor({samples, static_cast<std::int64_t>(kinds.size())}, DType::kF32);
  }
  if (input_.raw() != batch.input.raw()) input_.copy_from(batch.input);
  values_.fill_from_host(values);
}

Tensor StepBuffers::labels() const {
  return values_.slice(0, label_rows_ * loss_.count()).reshape({label_rows_, loss_.count()});
}

Tensor StepBuffers::drop_path() const {
  const std::int64_t begin = label_rows_ * loss_.count(), samples = loss_.shape()[0];
  if (begin == values_.count()) return {};
  return values_.slice(begin, values_.count()).reshape({(values_.count() - begin) / samples, samples});
}

}  // namespace brainmt::train
