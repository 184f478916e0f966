#include "kernels/patches.hpp"

#include "autograd/ops.hpp"
#include "dnn/gemm.hpp"
#include "profile/stage_label.hpp"
#include "tensor/views.hpp"

namespace brainmt::autograd {
namespace {

// A kernel [C, 1, K, K, K] as the matrix [C, K^3].
Tensor as_matrix(const Tensor& kernel) {
  return kernel.reshape({kernel.shape()[0], kernel.count() / kernel.shape()[0]});
}

// [N, Y, X, Z, 1] without the channel.
Tensor as_volumes(const Tensor& x) {
  const Shape& s = x.shape();
  return x.reshape({s[0], s[1], s[2], s[3]});
}

Tensor cut(const Tensor& x, std::int64_t rows, std::int64_t edge) {
  const Tensor patches({rows, edge * edge * edge}, x.dtype());
  dispatch(x.dtype(), [&]<class T>() {
    kernels::patch_gather<T>(kernels::Exec{}, view2<T>(patches), view4<const T>(as_volumes(x)),
                             static_cast<std::size_t>(edge));
  });
  return patches;
}

}  // namespace

Var patch_projection(Tape& tape, const Var& x, Parameter& weight, Parameter& bias) {
  const profile::StageLabel stage("patches");
  const std::int64_t edge = weight.shape[-1], width = weight.shape[0];
  BRAINMT_CHECK(x.shape().rank() == 5 && x.shape()[4] == 1 && weight.shape == (Shape{width, 1, edge, edge, edge}),
                "x {} w {}", x.shape().str(), weight.shape.str());
  Shape shape{x.shape()[0]};
  for (int axis = 1; axis <= 3; ++axis) shape.push_back((x.shape()[axis] + edge - 1) / edge);
  shape.push_back(width);
  Var y = tape.result(Tensor(shape, x.dtype()));
  const std::int64_t rows = y.value().row_count();
  dnn::linear_fwd(y.value(), cut(x.value(), rows, edge), as_matrix(weight.compute), bias.value);

  tape.record({&weight, &bias}, [=, input = x.value(), dx = x.gradient(), dy = y.gradient(), &weight, &bias] {
    if (!dy.arrived()) return;
    const Tensor dout = dy.take();
    dnn::linear_bwd_weights(as_matrix(weight.grad), bias.grad, dout, cut(input, rows, edge));
    if (!dx.wanted()) return;
    const Tensor dpatches({rows, edge * edge * edge}, input.dtype()), din(input.shape(), input.dtype());
    dnn::linear_bwd_data(dpatches, dout, as_matrix(weight.compute), false);
    dispatch(din.dtype(), [&]<class T>() {
      kernels::patch_scatter<T>(kernels::Exec{}, view4<T>(as_volumes(din)), view2<const T>(dpatches),
                                static_cast<std::size_t>(edge));
    });
    dx.add(din);
  });
  return y;
}

}  // namespace brainmt::autograd
