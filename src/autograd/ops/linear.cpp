#include "autograd/ops/linear.hpp"

#include "dnn/gemm.hpp"

namespace brainmt::autograd {

Var linear(Tape& tape, const Var& x, const Affine& affine, DType out) {
  const std::int64_t begin = affine.begin, end = affine.end < 0 ? affine.weight->shape[0] : affine.end;
  const auto part = [=](const Tensor& t) { return t.slice(begin, end); };
  const Tensor bias = affine.bias ? part(affine.bias->value) : Tensor{};
  // A head reads the master-type residual stream with master-type weights even when activations are bf16.
  const Tensor weight = part(x.dtype() == affine.weight->value.dtype() ? affine.weight->value : affine.weight->compute);

  Shape shape = x.shape();
  shape.set(-1, end - begin);
  Var y = tape.result(Tensor(shape, out));
  dnn::linear_fwd(y.value(), x.value(), weight, bias);

  std::vector<Parameter*> parameters{affine.weight};
  if (affine.bias) parameters.push_back(affine.bias);
  tape.record(std::move(parameters), [=, input = x.value(), dx = x.gradient(), dy = y.gradient()] {
    if (!dy.arrived()) return;
    const Tensor dout = dy.take().to(input.dtype());
    dnn::linear_bwd_weights(part(affine.weight->grad), affine.bias ? part(affine.bias->grad) : Tensor{}, dout, input);
    if (!dx.wanted()) return;
    bool fresh = true;
    const Tensor din = dx.buffer(input.shape(), input.dtype(), fresh);
    dnn::linear_bwd_data(din, dout, weight, !fresh);
  });
  return y;
}

}  // namespace brainmt::autograd
