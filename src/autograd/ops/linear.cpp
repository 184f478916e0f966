#include "autograd/ops.hpp"
#include "dnn/gemm.hpp"
#include "dnn/linear_gelu.hpp"
#include "profile/stage_label.hpp"

namespace brainmt::autograd {
namespace {

// The output rows that an Affine wants of its parameters, for inputs of one type.
struct Layer {
  Parameter *weight, *bias;
  std::int64_t begin, end;
  DType input;

  Layer(const Affine& affine, DType input_type)
      : weight(affine.weight),
        bias(affine.bias),
        begin(affine.begin),
        end(affine.end < 0 ? affine.weight->shape[0] : affine.end),
        input(input_type) {}

  // A filter over whole rows has its weight as [out, in, 1, width], say: [out, all the others].
  Tensor part(const Tensor& t) const {
    const Tensor rows = t.slice(begin, end);
    return t.shape().rank() < 3 ? rows : rows.reshape({end - begin, rows.count() / (end - begin)});
  }
  // A head reads the master-type residual stream with master-type weights even when activations are bf16.
  Tensor weights() const { return part(input == weight->value.dtype() ? weight->value : weight->compute); }
  Tensor biases() const { return bias ? part(bias->value) : Tensor{}; }
  std::vector<Parameter*> parameters() const { return bias ? std::vector{weight, bias} : std::vector{weight}; }
  Shape output(Shape shape) const {
    shape.set(-1, end - begin);
    return shape;
  }
  void add_gradients(const Tensor& dout, const Tensor& x) const {
    dnn::linear_bwd_weights(part(weight->grad), bias ? part(bias->grad) : Tensor{}, dout, x);
  }
};

// From the gradient of a layer's result to those of its parameters and its input.
void backward(const Layer& layer, Kept& kept, const Gradient& dx, const Gradient& dy) {
  if (!dy.arrived()) return;
  const Tensor input = kept.take();
  const Tensor dout = dy.take().to(input.dtype());
  layer.add_gradients(dout, input);
  if (!dx.wanted()) return;
  bool fresh = true;
  const Tensor din = dx.buffer(input.shape(), input.dtype(), fresh);
  dnn::linear_bwd_data(din, dout, layer.weights(), !fresh);
}

}  // namespace

Var linear(Tape& tape, const Var& x, const Affine& affine, DType out) {
  const profile::StageLabel stage("linear layers");
  const Layer layer(affine, x.dtype());
  Var y = tape.result(Tensor(layer.output(x.shape()), out));
  dnn::linear_fwd(y.value(), x.value(), layer.weights(), layer.biases());
  tape.record(layer.parameters(),
              [layer, kept = x.kept(), dx = x.gradient(), dy = y.gradient()] { backward(layer, *kept, dx, dy); });
  return y;
}

Var linear_gelu_linear(Tape& tape, const Var& x, const Affine& first, const Affine& second) {
  const profile::StageLabel stage("linear layers");
  const Layer before(first, x.dtype()), after(second, x.dtype());
  Var pre = tape.result(Tensor(before.output(x.shape()), x.dtype()));
  const Tensor hidden = tape.recording() ? Tensor(pre.shape(), x.dtype()) : pre.value();
  dnn::linear_gelu_fwd(hidden, pre.value(), x.value(), before.weights(), before.biases());
  tape.record(before.parameters(), [before, kept = x.kept(), dx = x.gradient(), dpre = pre.gradient()] {
    backward(before, *kept, dx, dpre);
  });

  Var y = tape.result(Tensor(after.output(pre.shape()), x.dtype()));
  dnn::linear_fwd(y.value(), hidden, after.weights(), after.biases());
  tape.record(after.parameters(), [after, hidden, pre, dy = y.gradient()] {
    if (!dy.arrived()) return;
    const Tensor dout = dy.take();
    after.add_gradients(dout, hidden);
    const Tensor dpre(pre.shape(), pre.dtype());
    dnn::linear_gelu_bwd(dpre, dout, after.weights(), pre.value());
    pre.gradient().add(dpre);
  });
  return y;
}

}  // namespace brainmt::autograd
