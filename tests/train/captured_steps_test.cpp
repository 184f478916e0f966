// Captured steps give the bits of eager steps. On the host a launch runs the captured step's closure again, stale
// arguments and all, under the rules of capture, and its memory must have the same addresses. On 1 and 2 ranks, over
// one rank's own communicator and over NCCL on a fake device.
#include <gtest/gtest.h>

#include <optional>

#include "../comm/device_backends.hpp"
#include "comm/self_communicator.hpp"
#include "kernels/detail/loops.hpp"
#include "profile/recorder.hpp"
#include "train/gradient_route.hpp"
#include "train/host_capture.hpp"
#include "train/run_support.hpp"
#include "train/step.hpp"

namespace brainmt::train {

using namespace nn;
using namespace task;
namespace {

using test::HostCapture;

constexpr std::int64_t kBatch = 2, kSteps = 8, kUneven = 4;  // the step of this number has fewer samples
constexpr std::uint64_t kSeed = 5;

struct Variant {
  DType activation = DType::kF32;
  bool recompute = false;
  int micro_steps = 1;
  comm::WireDtype wire_dtype = comm::WireDtype::kAsStored;
};

models::BrainMTConfig model_config(const Variant& variant) {
  models::BrainMTConfig config = test::tiny_model();
  config.grid = {9, 8, 7};
  config.depth = {2, 1};
  config.drop_path = 0.5;
  config.outputs = 2;
  config.recompute = variant.recompute;
  return config;
}

Tensor random_input(std::uint64_t stream, std::int64_t samples, DType type) {
  Philox random(11, stream);
  std::vector<float> voxels(static_cast<std::size_t>(samples) * 4 * 7 * 8 * 9);
  for (float& v : voxels) v = static_cast<float>(random.normal());
  return Tensor::from_host(voxels, {samples, 4, 8, 9, 7}, type);
}

// What a run leaves to compare: the numbers of every step, then the weights.
using Numbers = std::vector<double>;

// A training run of some steps on one rank of several.
class TrainingRun {
 public:
  TrainingRun(const Variant& variant, comm::Communicator& control, comm::GradientTransport transport,
              StreamCapture* capture)
      : variant_(variant),
        control_(control),
        model_(model_config(variant), variant.activation),
        optimizer_(model_.parameters(), {.clip_norm = 1.0}),
        objective_(supervised(
            {.is_multitask = true, .targets = {{{.name = "sex", .task = Task::kClassification}}, {{.name = "age"}}}})),
        runner_(
            model_, *objective_, optimizer_, control, with_wire(transport, variant.wire_dtype),
            {.batches = {.seed = kSeed, .batch_size = kBatch, .accumulate = variant.micro_steps}, .bucket_bytes = 4096},
            capture) {
    model_.initialise(kSeed);
  }

  Numbers all_steps() {
    for (std::int64_t step = 0; step < kSteps; ++step) {
      one_step(step);
      others_use_memory(step);
    }
    for (const double value : model_.parameters().values().to_host()) numbers_.push_back(value);
    return numbers_;
  }

  void one_step(std::int64_t step) {
    const std::int64_t full = kBatch * variant_.micro_steps * control_.size();
    const std::int64_t samples = step == kUneven ? full - kBatch : full;  // the last rank's last micro batch is empty
    const StepResult result =
        runner_.run({.step = step,
                     .lr = 1e-3 * static_cast<double>(step + 1),
                     .global_samples = samples,
                     .batch = [&](int micro, const Tensor& place) { return batch(step, micro, samples, place); }});
    EXPECT_TRUE(result.updated);
    numbers_.insert(numbers_.end(), {result.loss, result.gradient_norm});
    numbers_.insert(numbers_.end(), result.terms.begin(), result.terms.end());
  }

  StepRunner& runner() { return runner_; }
  const Numbers& numbers() const { return numbers_; }

 private:
  static comm::GradientTransport with_wire(comm::GradientTransport transport, comm::WireDtype wire_dtype) {
    return {transport.comm, transport.memory, wire_dtype};
  }

  MicroBatch batch(std::int64_t step, int micro, std::int64_t samples, const Tensor& place) const {
    const std::int64_t first = (control_.rank() * variant_.micro_steps + micro) * kBatch;
    MicroBatch made;
    if (first >= samples) return made;
    const auto stream = static_cast<std::uint64_t>(1000 * step + first);
    made.input = random_input(stream, kBatch, variant_.activation);
    if (place && step % 2 == 1) {  // as a stream of windows does; or the input lies elsewhere
      place.copy_from(made.input);
      made.input = place;
    }
    Philox random(12, stream);
    for (std::int64_t i = 0; i < kBatch; ++i) {
      made.samples.push_back(first + i);
      made.targets.insert(made.targets.end(),
                          {static_cast<float>(random.below(2)), static_cast<float>(random.normal())});
      made.weights.insert(made.weights.end(),
                          {1.0f / static_cast<float>(samples), random.uniform() < 0.3 ? 0.0f : 0.5f});
    }
    return made;
  }

  // Evaluation between steps, and blocks that stay with somebody for some steps.
  void others_use_memory(std::int64_t step) {
    const auto evaluate = [&](std::int64_t samples) {
      autograd::Tape tape(autograd::Tape::Mode::kForget);
      const autograd::Var input(random_input(77, samples, variant_.activation));
      for (const double y : model_.forward(tape, input, {}).prediction.value().to_host()) numbers_.push_back(y);
    };
    if (step % 3 == 1) evaluate(1);
    if (step % 3 != 0) evaluate(kBatch);
    if (step % 4 == 0) kept_.clear();
    if (step == 5) pool::release_cached();
    for (const std::int64_t count : {16, 64, 256, 1024, 5'000, 25'000}) {
      kept_.emplace_back(Shape{count}, DType::kF32);
      kept_.back().fill_from_host(
          std::vector<float>(static_cast<std::size_t>(count), std::numeric_limits<float>::quiet_NaN()));
    }
  }

  Variant variant_;
  comm::Communicator& control_;
  models::BrainMT model_;
  AdamW optimizer_;
  std::unique_ptr<Objective> objective_;
  StepRunner runner_;
  std::vector<Tensor> kept_;
  Numbers numbers_;
};

std::vector<Variant> variants() {
  return {{},
          {.recompute = true},
          {.micro_steps = 2},
          {.activation = DType::kBf16, .micro_steps = 3},
          {.activation = DType::kBf16, .recompute = true},
          {.wire_dtype = comm::WireDtype::kBfloat16}};
}

// Each kind of micro step runs eagerly once, and so does all of the uneven step.
int expected_launches(const Variant& variant) {
  return static_cast<int>(kSteps - 1) * variant.micro_steps - (variant.micro_steps == 1 ? 1 : 2);
}

// The fake device's memory is the host's.
class CapturedStepsOverNccl : public testing::Test {
  void SetUp() override {
    if (!kernels::detail::kOnHost) GTEST_SKIP() << "the kernels of this build run on a device";
  }
};

TEST_F(CapturedStepsOverNccl, LaunchesOverNcclGiveTheBitsOfEagerSteps) {
  const auto control = comm::mpi_world();
  for (const Variant& variant : variants()) {
    SCOPED_TRACE(fmt::format("{}, recompute {}, {} micro steps", name_of(variant.activation), variant.recompute,
                             variant.micro_steps));
    const comm::Backend plain = comm::nccl_backend(), captured = comm::nccl_backend();
    const Numbers expected = TrainingRun(variant, *control, {*plain, plain.machine->memory}, nullptr).all_steps();
    HostCapture capture;
    const Numbers numbers = TrainingRun(variant, *control, {*captured, captured.machine->memory}, &capture).all_steps();
    EXPECT_EQ(numbers, expected);
    EXPECT_EQ(capture.launches, expected_launches(variant));
    EXPECT_EQ(capture.captures, variant.micro_steps == 1 ? 1 : 2);
    EXPECT_EQ(capture.own_count, 0) << "a graph outlives its runner";
  }
}

TEST(CapturedSteps, LaunchesOnOneRankGiveTheBitsOfEagerSteps) {
  comm::SelfCommunicator self;
  for (const Variant& variant : variants()) {
    const Numbers expected = TrainingRun(variant, self, self, nullptr).all_steps();
    HostCapture capture;
    EXPECT_EQ(TrainingRun(variant, self, self, &capture).all_steps(), expected);
    EXPECT_EQ(capture.launches, expected_launches(variant));
  }
}

TEST(CapturedSteps, CudaGraphsGiveTheBitsOfEagerSteps) {
  if (kernels::detail::kOnHost) GTEST_SKIP() << "no CUDA device: this build is for the host";
  comm::SelfCommunicator self;
  GradientRoute route(self, {.graphs = true});
  ASSERT_NE(route.capture(), nullptr);
  for (const Variant& variant : variants())
    EXPECT_EQ(TrainingRun(variant, self, route.transport(), route.capture()).all_steps(),
              TrainingRun(variant, self, route.transport(), nullptr).all_steps());
}

TEST_F(CapturedStepsOverNccl, WhereOneRankCannotCaptureNoneLaunches) {
  const auto control = comm::mpi_world();
  const comm::Backend plain = comm::nccl_backend(), captured = comm::nccl_backend();
  const Variant variant{.micro_steps = 2};
  const Numbers expected = TrainingRun(variant, *control, {*plain, plain.machine->memory}, nullptr).all_steps();
  HostCapture capture;
  capture.refuses = control->rank() + 1 == control->size();
  EXPECT_EQ(TrainingRun(variant, *control, {*captured, captured.machine->memory}, &capture).all_steps(), expected);
  EXPECT_EQ(capture.launches, 0);
  EXPECT_EQ(capture.captures, 1) << "asked once, and never again";
}

TEST_F(CapturedStepsOverNccl, GradientsThroughTheHostAreNeverCaptured) {
  const auto control = comm::mpi_world();
  const comm::Backend staged = comm::staged_backend();
  HostCapture capture;
  TrainingRun({}, *control, {*staged, staged.machine->memory}, &capture).all_steps();
  EXPECT_EQ(capture.captures, 0);
}

TEST(CapturedSteps, AProfileSeesEagerSteps) {
  comm::SelfCommunicator self;
  HostCapture capture;
  TrainingRun run({}, self, self, &capture);
  for (const std::int64_t step : {0, 1, 2}) run.one_step(step);
  EXPECT_EQ(capture.launches, 2);
  {
    const profile::Recorder recorder;
    run.one_step(3);
  }
  EXPECT_EQ(capture.launches, 2);
  run.one_step(5);
  EXPECT_EQ(capture.launches, 3);
}

TEST_F(CapturedStepsOverNccl, AMissingPeerEndsALaunchWithExitCodeFive) {
  comm::FakeMachine machine;
  const auto gradients = machine.connect({.timeout = std::chrono::seconds(1)});
  HostCapture capture;
  capture.graphs = &machine.nccl.graphs;  // which NCCL would wait for
  TrainingRun run({}, *machine.host, {*gradients, machine.memory}, &capture);
  for (const std::int64_t step : {0, 1, 2}) run.one_step(step);
  EXPECT_EQ(machine.nccl.graphs, 1);
  machine.nccl.fault = comm::FakeNccl::Fault::kOperationHangs;
  try {
    run.one_step(3);
    FAIL() << "the step went on";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kComm);
    EXPECT_NE(std::string(error.what()).find("all_reduce of a captured step failed: not finished after 1 s"),
              std::string::npos)
        << error.what();
  }
  EXPECT_EQ(machine.nccl.aborts, 1);
  EXPECT_EQ(machine.nccl.graphs, 0) << "dropped before the abort";
}

// One micro step by hand.
class ByHand : public testing::Test {
 protected:
  bool run(const std::function<void()>& work) { return steps_.run(CapturedSteps::Kind::kReduces, work, work); }

  comm::SelfCommunicator self_;
  HostCapture capture_;
  CapturedSteps steps_{&capture_, self_, self_, true};
};

TEST_F(ByHand, ALaunchShowsWhatWasTakenAlong) {
  double in_memory = 0, sum = 0, sum_of_baked = 0;
  for (int step = 0; step < 4; ++step) {
    in_memory = step;
    EXPECT_EQ(run([&, baked = static_cast<double>(step)] {
                sum += in_memory;
                sum_of_baked += baked;
              }),
              step > 0);
  }
  EXPECT_EQ(sum, 0 + 1 + 2 + 3);
  EXPECT_EQ(sum_of_baked, 0 + 1 + 1 + 1);
}

TEST_F(ByHand, ACapturedStepNeitherCopiesNorWaitsNorGrows) {
  const Tensor tensor = Tensor::zeros({4}, DType::kF32);
  for (const std::function<void()>& work : std::vector<std::function<void()>>{
           [&] { (void)tensor.to_host(); },
           [&] { tensor.fill_from_host(std::vector<float>(4)); },
           [&] { (void)Tensor::from_host(std::vector<float>(4), {4}, DType::kF32); },
       }) {
    CapturedSteps steps(&capture_, self_, self_, true);
    EXPECT_NO_THROW(steps.run(CapturedSteps::Kind::kAdds, work, work));
    EXPECT_THROW(steps.run(CapturedSteps::Kind::kAdds, work, work), InternalError);
  }
  std::int64_t size = 1000;
  const auto grows = [&] { const Tensor block({size *= 2}, DType::kF32); };
  EXPECT_NO_THROW(run(grows));
  EXPECT_THROW(run(grows), InternalError);
}

TEST_F(ByHand, MemoryMustBeBackBeforeTheNextLaunch) {
  std::shared_ptr<void> kept;
  const auto work = [&] { kept = pool::allocate(1000); };
  EXPECT_FALSE(run(work));
  kept.reset();
  EXPECT_TRUE(run(work));
  try {
    run(work);
    FAIL() << "a launch would write over it";
  } catch (const InternalError& error) {
    EXPECT_NE(std::string(error.what()).find("memory of the captured step is still in use"), std::string::npos)
        << error.what();
  }
}

TEST_F(ByHand, OtherAddressesThanTheCapturedOnesAreAnError) {
  std::shared_ptr<void> kept;
  std::size_t small = 64;
  const auto work = [&] {
    const auto a = pool::allocate(small), b = pool::allocate(10'000);
    small = small == 64 ? 10'000 : 64;  // as many blocks, and others
  };
  const auto both = [&] { const auto a = pool::allocate(64), b = pool::allocate(10'000), c = pool::allocate(10'000); };
  steps_.run(CapturedSteps::Kind::kReduces, both, work);
  EXPECT_NO_THROW(steps_.run(CapturedSteps::Kind::kReduces, both, work));
  EXPECT_THROW(steps_.run(CapturedSteps::Kind::kReduces, both, work), InternalError);
}

}  // namespace
}  // namespace brainmt::train
