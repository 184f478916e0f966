#include "train/warm_up.hpp"

#include <numeric>

namespace brainmt::train {

void warm_up(models::Model& model, std::int64_t batch, std::int64_t validation_batch, DType activation) {
  const auto forward = [&](autograd::Tape& tape, std::int64_t windows) {
    models::Pass context{.training = tape.recording(), .samples = {}};
    context.samples.resize(static_cast<std::size_t>(windows));
    std::iota(context.samples.begin(), context.samples.end(), std::int64_t{0});
    const Tensor zeros = Tensor::zeros(model.input_shape(windows), activation);
    return model.forward(tape, autograd::Var(zeros), context).prediction;
  };
  autograd::Tape recording;
  const autograd::Var output = forward(recording, batch);
  recording.backward(output, Tensor::zeros(output.shape(), output.dtype()));
  model.parameters().zero_grads();
  autograd::Tape forgetting(autograd::Tape::Mode::kForget);
  forward(forgetting, validation_batch);
}

}  // namespace brainmt::train
