#include "bench/stepper.hpp"

#include <chrono>
#include <utility>

#include "base/philox.hpp"
#include "kernels/adamw.hpp"
#include "profile/region.hpp"
#include "tensor/views.hpp"

namespace brainmt::bench {
namespace {

using autograd::Tape;
using autograd::Var;

constexpr std::size_t kBucketBytes = 16u << 20;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

}  // namespace

Stepper::Stepper(const models::BrainMTConfig& config, DType dtype, comm::Communicator& comm, bool graphs)
    : model_(config, dtype),
      m_(Tensor::zeros(model_.parameters().values().shape(), DType::kF32)),
      v_(m_.clone()),
      shape_({1, config.frames, config.grid[1], config.grid[0], config.grid[2]}),
      dtype_(dtype),
      route_(comm, {.graphs = graphs}),
      one_(Tensor::from_host(std::vector{1.0f}, {1, 1}, DType::kF32)) {
  model_.initialise(1);
  Philox random(1, 0);
  window_.resize(static_cast<std::size_t>(shape_.count()));
  for (float& v : window_) v = static_cast<float>(random.uniform(-1.0, 1.0));
  std::vector<comm::ParameterRange> ranges;
  for (const nn::Parameter& p : model_.parameters().all()) ranges.push_back({p.offset, p.count});
  reducer_ = std::make_unique<comm::GradientReducer<float>>(
      route_.link(), ranges, model_.parameters().grads().data<float>(), model_.parameters().flat_count(), kBucketBytes,
      comm::Determinism::kRank);
  records_ = std::make_unique<train::StepRecords>(route_.recorder(), comm, route_.link().comm, reducer_->can_record());
}

Tensor Stepper::input() const {
  const profile::Region region("brainmt::input");
  return Tensor::from_host(window_, shape_, dtype_);
}

StepTimes Stepper::run(int samples) {
  StepTimes t;
  model_.parameters().zero_grads();
  reducer_->begin_step(samples);
  for (int i = 0; i < samples; ++i) {
    reducer_->begin_micro_step();
    micro_step(i + 1 == samples, t);
  }
  t.exposed = reducer_->finish();
  const double start = now();
  update();
  t.optimiser = now() - start;
  return t;
}

void Stepper::micro_step(bool reduces, StepTimes& times) {
  using Kind = train::StepRecords::Kind;
  const Tensor window = input();
  const double start = now();
  if (records_->active()) {
    if (!recorded_input_) recorded_input_ = window.clone();
    recorded_input_.copy_from(window);
    const auto pass = [this] { forward_and_backward(recorded_input_); };
    if (records_->run(reduces ? Kind::kReduces : Kind::kAdds, pass,
                      [this, reduces, pass] { reducer_->record(reduces, pass); })) {
      reducer_->replayed();
      forward_end_ = start;
    }
  } else {
    forward_and_backward(window);
  }
  times.forward += forward_end_ - start;
  times.backward += now() - forward_end_;
}

void Stepper::forward_and_backward(const Tensor& input) {
  Tape tape;
  std::vector<bool> announced(model_.parameters().all().size(), false);
  tape.on_parameter_ready([&](nn::Parameter& p) {
    announced[p.index] = true;
    reducer_->ready(p.index);
  });
  const auto forward = [&] {
    const profile::Region region("brainmt::forward");
    return model_.forward(tape, Var(input), {}).output;
  };
  const Var output = forward();
  forward_end_ = now();
  const profile::Region region("brainmt::backward");
  tape.backward(output, one_.clone());  // which becomes the backward pass's
  // What the forward pass did not use (the attention blocks' norm and MLP where there is no block) contributes zeros.
  for (std::size_t index = announced.size(); index-- > 0;)
    if (!announced[index]) reducer_->ready(index);
}

void Stepper::update() {
  const profile::Region region("brainmt::optimizer::step");
  kernels::adamw<float>(kernels::Exec{}, view1<float>(model_.parameters().values()), view1<float>(m_), view1<float>(v_),
                        view1<const float>(model_.parameters().grads()), {1e-9, 0.9, 0.999, 1e-6, 0.05, ++steps_, 1.0});
  model_.parameters().refresh_compute();
  kernels::Exec{}.fence();  // a step that is timed has ended
}

Throughput best_of(Stepper& stepper, comm::Communicator& comm, int samples, int repeats) {
  Throughput result;
  stepper.run(samples);
  for (int i = 0; i < repeats; ++i) {
    comm.barrier();
    const double start = now();
    const StepTimes t = stepper.run(samples);
    const double seconds = comm::all_reduce_value(comm, now() - start, comm::ReduceOp::kMax);
    if (i == 0 || seconds < result.seconds) result = {t, seconds};
  }
  return result;
}

}  // namespace brainmt::bench
