#include "autograd/ops.hpp"
#include "kernels/activations.hpp"
#include "profile/stage_label.hpp"
#include "tensor/views.hpp"

namespace brainmt::autograd {

Var conv3d(Tape& tape, const Var& x, Parameter& weight, Parameter* bias, const dnn::Conv3dOptions& options) {
  const profile::StageLabel stage("convolutions");
  const auto kernel = static_cast<int>(weight.shape[-1]);
  Shape shape{x.shape()[0]};
  for (int axis = 1; axis <= 3; ++axis) shape.push_back(dnn::conv_extent(x.shape()[axis], kernel, options));
  shape.push_back(weight.shape[0]);
  const auto convolved = [=, &weight](const Tensor& input) {
    const Tensor result(shape, input.dtype());
    dnn::conv3d_fwd(result, input, weight.value, bias ? bias->value : Tensor{}, options);
    return result;
  };
  // From one channel to many: hardly any operations, and the largest tensor of the model.
  const bool is_cheap = x.shape()[-1] == 1;
  Var y = is_cheap
              ? tape.cheap_result(convolved(x.value()), [input = x.value(), convolved] { return convolved(input); })
              : tape.result(convolved(x.value()));

  std::vector<Parameter*> parameters{&weight};
  if (bias) parameters.push_back(bias);
  // ReLU's mask is read off the output; without ReLU the output is not kept.
  const std::shared_ptr<Kept> output = options.relu ? y.kept() : nullptr;
  tape.record(std::move(parameters),
              [kept = x.kept(), output, dx = x.gradient(), dy = y.gradient(), &weight, bias, options] {
                if (!dy.arrived()) return;
                const Tensor dout = dy.take(), input = kept->take();
                if (options.relu) {
                  dispatch(dout.dtype(), [&]<class T>() {
                    kernels::activation_bwd<T>(kernels::Exec{}, view1<T>(dout), view1<const T>(dout),
                                               view1<const T>(output->take()), kernels::Activation::kRelu);
                  });
                }
                dnn::conv3d_bwd_weights(weight.grad, bias ? bias->grad : Tensor{}, dout, input, options);
                if (!dx.wanted()) return;
                const Tensor din(input.shape(), input.dtype());
                dnn::conv3d_bwd_data(din, dout, weight.value, options);
                dx.add(din);
              });
  return y;
}

}  // namespace brainmt::autograd
