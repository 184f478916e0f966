#include "autograd/tape.hpp"

#include <algorithm>

#include "kernels/elementwise.hpp"
#include "profile/stage_label.hpp"
#include "tensor/views.hpp"

namespace brainmt::autograd {

void Gradient::add(Tensor g) const {
  if (!slot_ || !g) return;
  if (!*slot_) {
    *slot_ = std::move(g);
    return;
  }
  dispatch(g.dtype(),
           [&]<class T>() { kernels::axpby<T>(kernels::Exec{}, view1<T>(*slot_), 1, view1<const T>(g), 1); });
}

Tensor Gradient::buffer(const Shape& shape, DType dtype, bool& fresh) const {
  BRAINMT_CHECK(slot_);
  fresh = !*slot_;
  if (fresh) *slot_ = Tensor(shape, dtype);
  return slot_->reshape(shape);  // another consumer may have seen the variable under another shape
}

void Tape::record(std::vector<Parameter*> parameters, std::function<void()> backward) {
  for (Parameter* p : parameters) {
    if (std::find(used_.begin(), used_.end(), p) == used_.end()) used_.push_back(p);
    if (recording()) ++pending_[p];
  }
  if (recording()) operations_.push_back({std::move(parameters), std::move(backward), profile::StageLabel::label()});
}

void Tape::backward(const std::vector<Var>& outputs, std::vector<Tensor> gradients) {
  BRAINMT_CHECK(recording() && outputs.size() == gradients.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) outputs[i].gradient().add(std::move(gradients[i]));
  const profile::BackwardPass pass;
  while (!operations_.empty()) {
    const Operation operation = std::move(operations_.back());
    operations_.pop_back();
    {
      const profile::StageLabel stage(operation.stage);
      operation.backward();
    }
    for (Parameter* p : operation.parameters)
      if (--pending_[p] == 0 && hook_) hook_(*p);
  }
  pending_.clear();
  used_.clear();
}

std::vector<Var> recompute(Tape& tape, const std::vector<Var>& inputs, Block block) {
  Tape forgetful(Tape::Mode::kForget);
  std::vector<Var> outputs;
  for (const Var& y : block(forgetful, inputs)) outputs.push_back(tape.result(y.value()));

  std::vector<Gradient> output_gradients;
  for (const Var& y : outputs) output_gradients.push_back(y.gradient());
  tape.record(forgetful.parameters_used(), [inputs, output_gradients, block = std::move(block)] {
    std::vector<Var> again;
    for (const Var& x : inputs) again.emplace_back(x.value(), x.gradient().wanted());
    Tape inner;
    const std::vector<Var> results = block(inner, again);
    std::vector<Tensor> flowing;
    for (const Gradient& g : output_gradients) flowing.push_back(g.take());
    inner.backward(results, std::move(flowing));
    for (std::size_t i = 0; i < inputs.size(); ++i) inputs[i].gradient().add(again[i].gradient().take());
  });
  return outputs;
}

}  // namespace brainmt::autograd
