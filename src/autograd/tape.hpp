#pragma once
// Reverse-mode differentiation over coarse operations. An operation computes its outputs, then records one closure that,
// given the outputs' gradients, produces the inputs'. Variables are handles; a tape lives for one forward and backward.
//
// Gradient contract: a variable's gradient is assigned by its first consumer in backward order and added to by the rest;
// a parameter's gradient (nn::Parameter::grad) is always added to.
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "nn/parameter.hpp"
#include "tensor/tensor.hpp"

namespace brainmt::autograd {

struct Node {
  Tensor value;
  Tensor grad;                // undefined until something flows back
  bool needs_grad = false;
};

/// Handle to a value on a tape. An undefined Var stands for "absent" (no bias, no residual yet).
class Var {
 public:
  Var() = default;
  explicit Var(Tensor value, bool needs_grad = false) : node_(std::make_shared<Node>(Node{std::move(value), {}, needs_grad})) {}

  bool defined() const { return static_cast<bool>(node_); }
  explicit operator bool() const { return defined(); }
  const Tensor& value() const { return node_->value; }
  const Shape& shape() const { return node_->value.shape(); }
  DType dtype() const { return node_->value.dtype(); }
  bool needs_grad() const { return node_ && node_->needs_grad; }
  const Tensor& grad() const { return node_->grad; }
  /// Gradient memory for a backward closure: allocated on first use. `fresh` tells that nothing is in it yet.
  Tensor& grad_for_write(bool& fresh) const;
  /// Takes over `g` as gradient, or adds it to what is there. `g` must not be used by anyone else afterwards.
  void accumulate_grad(Tensor g) const;
  void set_needs_grad() const { node_->needs_grad = true; }
  void drop_grad() const { node_->grad = {}; }

 private:
  std::shared_ptr<Node> node_;
};

class Tape {
 public:
  enum class Mode {
    kRecord,  // keep what backward needs
    kForget   // only compute: evaluation, and the first pass of a recomputed block
  };
  using ReadyHook = std::function<void(nn::Parameter&)>;

  explicit Tape(Mode mode = Mode::kRecord) : mode_(mode) {}

  bool recording() const { return mode_ == Mode::kRecord; }
  /// Called in backward() as soon as a parameter's gradient has its last contribution.
  void on_parameter_ready(ReadyHook hook) { hook_ = std::move(hook); }

  /// Records an operation that used `parameters` and whose backward is `backward`. Ignored unless recording; the
  /// parameters are noted in either mode, so that an enclosing recompute scope knows them.
  void record(std::vector<nn::Parameter*> parameters, std::function<void()> backward);

  /// Propagates from `output`, whose gradient is `grad`; afterwards the tape is empty. Every recorded parameter that
  /// backward reaches fires the hook exactly once.
  void backward(const Var& output, Tensor grad);

  /// Parameters noted so far, each once, in order of first use.
  const std::vector<nn::Parameter*>& parameters_used() const { return used_; }

 private:
  struct Operation {
    std::vector<nn::Parameter*> parameters;
    std::function<void()> backward;
  };
  Mode mode_;
  ReadyHook hook_;
  std::vector<Operation> operations_;
  std::unordered_map<nn::Parameter*, int> pending_;  // uses whose backward has not run yet
  std::vector<nn::Parameter*> used_;
};

/// Runs `block` without keeping its intermediate values and runs it again inside the backward pass (Chen et al. 2016).
/// `block` must be a pure function of its inputs and parameters (random numbers come from counters).
std::vector<Var> recompute(Tape& tape, const std::vector<Var>& inputs,
                           std::function<std::vector<Var>(Tape&, const std::vector<Var>&)> block);

}  // namespace brainmt::autograd
