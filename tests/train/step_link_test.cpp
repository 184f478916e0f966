// Optimiser steps whose gradients travel apart from the agreement: over the communicators for devices, on a fake one.
// Two ranks, where a sum has one order: the same bits as over MPI alone.
#include <gtest/gtest.h>

#include <cmath>

#include "../comm/device_backends.hpp"
#include "train/run_support.hpp"
#include "train/step.hpp"

namespace brainmt::train {

using namespace nn;
using namespace task;
namespace {

// The parameters after three steps.
std::vector<double> after_three_steps(comm::Communicator& control, const comm::GradientTransport& gradients) {
  TrainSettings s = test::tiny_settings({});
  models::BrainMT model(test::tiny_on({9, 8, 7}), DType::kF32);
  model.initialise(s.step.batches.seed);
  AdamW optimizer(model.parameters(), s.optimizer);
  const auto objective = supervised({.targets = {{{.name = "sex", .task = Task::kClassification}}}});
  StepRunner runner(model, *objective, optimizer, control, gradients,
                    {.batches = {.seed = 5, .accumulate = 2}, .bucket_bytes = 4096});
  const std::int64_t samples = 2 * control.size();
  for (std::int64_t step = 0; step < 3; ++step) {
    const auto batch = [&](int micro, const Tensor&) {
      const std::int64_t sample = 2 * control.rank() + micro;
      Philox random(11, static_cast<std::uint64_t>(step), static_cast<std::uint64_t>(sample));
      std::vector<float> voxels(4 * 7 * 8 * 9);
      for (float& v : voxels) v = static_cast<float>(random.normal());
      return MicroBatch{.input = Tensor::from_host(voxels, {1, 4, 8, 9, 7}, DType::kF32),
                        .targets = {static_cast<float>(sample % 2)},
                        .weights = {1.0f / static_cast<float>(samples)},
                        .samples = {sample}};
    };
    const StepResult result = runner.run({.step = step, .lr = 1e-3, .global_samples = samples, .batch = batch});
    EXPECT_TRUE(result.updated);
    EXPECT_GT(result.gradient_norm, 0);
  }
  return model.parameters().values().to_host();
}

TEST(StepLink, GradientsOverADeviceCommunicatorGiveTheSameBits) {
  const auto control = comm::mpi_world();
  const std::vector<double> expected = after_three_steps(*control, *control);
  for (const bool nccl : {true, false}) {
    const comm::Backend backend = nccl ? comm::nccl_backend() : comm::staged_backend();
    const auto values = after_three_steps(*control, {*backend, backend.machine->memory});
    EXPECT_EQ(values, expected) << (nccl ? "nccl" : "staged");
    EXPECT_EQ(backend.machine->nccl.operations > 3, nccl) << "gradients went another way";
  }
}

TEST(StepLink, Bfloat16OnTheWireStaysNear) {
  const auto control = comm::mpi_world();
  const std::vector<double> exact = after_three_steps(*control, *control);
  const auto rounded =
      after_three_steps(*control, {*control, comm::host_gradient_memory(), comm::WireDtype::kBfloat16});
  // AdamW moves a parameter by at most about lr a step, whatever its gradient was rounded to.
  double largest = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) largest = std::max(largest, std::abs(exact[i] - rounded[i]));
  EXPECT_LE(largest, 3 * 2 * 1e-3 * 1.01);
  EXPECT_EQ(largest > 0, control->size() > 1);
}

TEST(StepLink, APeerThatIsGoneEndsTheStepWithExitCodeFive) {
  const auto control = comm::mpi_world();
  const comm::Backend backend = comm::nccl_backend();
  backend.machine->nccl.fault = comm::FakeNccl::Fault::kRemoteError;
  try {
    after_three_steps(*control, {*backend, backend.machine->memory});
    FAIL() << "the step went on";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kComm);
    EXPECT_NE(std::string(error.what()).find("all_reduce failed"), std::string::npos) << error.what();
  }
  EXPECT_EQ(backend.machine->nccl.aborts, 1);
}

}  // namespace
}  // namespace brainmt::train
