#pragma once
// Reverse-mode differentiation over coarse operations. An operation computes its outputs, then records one closure that
// takes the outputs' gradients and gives the inputs theirs. A tape lives for one forward and one backward pass.
//
// Gradient contract: a variable's gradient is assigned by the first of its consumers that runs backward and added to by
// the others; a parameter's gradient (Parameter::grad) is always added to.
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "autograd/parameter.hpp"
#include "tensor/tensor.hpp"

namespace brainmt::autograd {

/// Accumulator of one variable's gradient. Copies share it; a default-constructed one means "not wanted".
class Gradient {
 public:
  static Gradient wanted_slot() {
    Gradient g;
    g.slot_ = std::make_shared<Tensor>();
    return g;
  }
  bool wanted() const { return static_cast<bool>(slot_); }
  /// True when a gradient has arrived.
  bool arrived() const { return slot_ && slot_->defined(); }
  const Tensor& peek() const { return *slot_; }
  /// Moves the accumulated gradient out; undefined when none arrived.
  Tensor take() const { return slot_ ? std::exchange(*slot_, Tensor{}) : Tensor{}; }
  /// Takes `g`: stored when it is the first, else added. Ignored when not wanted.
  void add(Tensor g) const;
  /// Memory for an operation that can add in place. `fresh` tells that it holds nothing yet and must be assigned.
  Tensor buffer(const Shape& shape, DType dtype, bool& fresh) const;

 private:
  std::shared_ptr<Tensor> slot_;
};

/// A saved tensor of the backward pass, or one that is recomputed bit for bit from other saved tensors: at the first
/// use, then held until the last.
class Kept {
 public:
  explicit Kept(Tensor value) : value_(std::move(value)) {}
  explicit Kept(std::function<Tensor()> make) : make_(std::move(make)) {}
  void expect() { ++expected_; }
  /// Once for each expect().
  Tensor take() {
    if (!value_) value_ = make_();
    return --expected_ == 0 ? std::exchange(value_, Tensor{}) : value_;
  }

 private:
  Tensor value_;
  std::function<Tensor()> make_;
  int expected_ = 0;
};

/// A value on a tape. An undefined Var means "absent".
class Var {
 public:
  Var() = default;
  explicit Var(Tensor value, bool wants_gradient = false)
      : value_(std::move(value)), gradient_(wants_gradient ? Gradient::wanted_slot() : Gradient{}) {}

  bool defined() const { return value_.defined(); }
  const Tensor& value() const { return value_; }
  const Shape& shape() const { return value_.shape(); }
  DType dtype() const { return value_.dtype(); }
  const Gradient& gradient() const { return gradient_; }
  /// For an operation that needs the value in its backward pass, which then calls take() once.
  std::shared_ptr<Kept> kept() const {
    const auto kept = again_ ? again_ : std::make_shared<Kept>(value_);
    kept->expect();
    return kept;
  }
  /// The same variable under another shape of equal count; the gradient has the same accumulator.
  Var reshaped(const Shape& shape) const {
    Var v = *this;
    v.value_ = value_.reshape(shape);
    v.again_.reset();
    return v;
  }

 private:
  friend class Tape;

  Tensor value_;
  Gradient gradient_;
  std::shared_ptr<Kept> again_;  // null: operations save the value themselves
};

class Tape {
 public:
  enum class Mode {
    kRecord,  // keep what backward needs
    kForget   // only compute: evaluation, and the first pass of a recomputed block
  };
  using ReadyHook = std::function<void(Parameter&)>;

  explicit Tape(Mode mode = Mode::kRecord) : mode_(mode) {}

  bool recording() const { return mode_ == Mode::kRecord; }
  /// Called in backward() as soon as a parameter's gradient has its last contribution.
  void on_parameter_ready(ReadyHook hook) { hook_ = std::move(hook); }

  /// Wraps an operation's result. It wants a gradient when the tape records (parameters lie upstream of everything but
  /// the model's input, which is a Var of the caller's).
  Var result(Tensor value) const { return Var(std::move(value), recording()); }

  /// The same for a result that is cheap to recompute: no operation saves it, `again` recomputes it in the backward
  /// pass.
  Var cheap_result(Tensor value, std::function<Tensor()> again) const {
    Var y = result(std::move(value));
    if (recording()) y.again_ = std::make_shared<Kept>(std::move(again));
    return y;
  }

  /// Records an operation that used `parameters` and whose backward is `backward`. When forgetting, only the use of the
  /// parameters is noted, so that an enclosing recompute scope knows them.
  void record(std::vector<Parameter*> parameters, std::function<void()> backward);

  /// Propagates from `output`, whose gradient is `gradient`; afterwards the tape is empty. The hook fires once for
  /// every parameter noted by record().
  void backward(const Var& output, Tensor gradient) { backward(std::vector{output}, {std::move(gradient)}); }
  void backward(const std::vector<Var>& outputs, std::vector<Tensor> gradients);

  /// Parameters noted so far, each once, in order of first use.
  const std::vector<Parameter*>& parameters_used() const { return used_; }

 private:
  struct Operation {
    std::vector<Parameter*> parameters;
    std::function<void()> backward;
    const char* stage;  // profile::StageLabel at the time of recording
  };
  Mode mode_;
  ReadyHook hook_;
  std::vector<Operation> operations_;
  std::unordered_map<Parameter*, int> pending_;  // uses whose backward has not run yet
  std::vector<Parameter*> used_;
};

using Block = std::function<std::vector<Var>(Tape&, const std::vector<Var>&)>;

/// Runs `block` without keeping its intermediate values and runs it again inside the backward pass (Chen et al. 2016).
/// `block` must be a pure function of its inputs and parameters (random numbers come from counters).
std::vector<Var> recompute(Tape& tape, const std::vector<Var>& inputs, Block block);

}  // namespace brainmt::autograd
