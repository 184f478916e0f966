// Capture and launch: copies of two streams as one CUDA graph, with other inputs each time; what cannot be captured;
// errors of the work itself. On a GPU, and on an emulation of the run time (graph_emulation.cpp).
#include <functional>

#include "cuda/capture.hpp"
#include "device_checks.hpp"

namespace brainmt::cuda {
namespace {

using testing::Buffer;
using testing::Values;

class Capture : public testing::OnDevice {
 protected:
  void SetUp() override {
    testing::OnDevice::SetUp();
    if (IsSkipped()) return;
    check(cudaStreamCreate(&stream_), "a test's stream");
    check(cudaStreamCreateWithFlags(&side_, cudaStreamNonBlocking), "a test's stream");
    check(cudaEventCreateWithFlags(&fork_, cudaEventDisableTiming), "a test's event");
    check(cudaEventCreateWithFlags(&join_, cudaEventDisableTiming), "a test's event");
    capture_ = make_stream_capture(stream_);
  }
  void TearDown() override {
    if (stream_ == nullptr) return;
    cudaEventDestroy(fork_);
    cudaEventDestroy(join_);
    cudaStreamDestroy(side_);
    cudaStreamDestroy(stream_);
  }

  void fork() {
    check(cudaEventRecord(fork_, stream_), "fork");
    check(cudaStreamWaitEvent(side_, fork_, 0), "fork");
  }
  void join() {
    check(cudaEventRecord(join_, side_), "join");
    check(cudaStreamWaitEvent(stream_, join_, 0), "join");
  }
  void copy(cudaStream_t stream, const Buffer& to, const Buffer& from, std::size_t count) {
    check(cudaMemcpyAsync(to.data(), from.data(), count * sizeof(float), cudaMemcpyDeviceToDevice, stream), "copy");
  }

  cudaStream_t stream_ = nullptr, side_ = nullptr;
  cudaEvent_t fork_ = nullptr, join_ = nullptr;
  std::unique_ptr<StreamCapture> capture_;
};

constexpr std::size_t kCount = 5000;

TEST_F(Capture, ALaunchFindsWhatLiesThereThen) {
  const Values zero(kCount, 0.0);
  const Buffer in(zero, DType::kF32), between(zero, DType::kF32), out(zero, DType::kF32), beside(zero, DType::kF32);
  std::string refused;
  const auto graph = capture_->capture(
      [&] {
        copy(stream_, between, in, kCount);
        fork();
        copy(side_, beside, between, kCount);
        copy(stream_, out, between, kCount);
        join();
        copy(stream_, in, beside, 1);  // behind the join
      },
      refused);
  ASSERT_TRUE(graph) << refused;
  check(cudaStreamSynchronize(stream_), "nothing");
  EXPECT_EQ(out.values(), zero) << "capturing ran the work";
  for (unsigned seed = 1; seed <= 3; ++seed) {
    const Values x = testing::random_values(kCount, DType::kF32, seed);
    const Buffer source(x, DType::kF32);
    copy(stream_, in, source, kCount);
    graph->launch();
    check(cudaStreamSynchronize(stream_), "a launch");
    EXPECT_EQ(out.values(), x);
    EXPECT_EQ(beside.values(), x) << "the other stream";
  }
}

TEST_F(Capture, WhatCannotBeCapturedIsRefusedWithItsReason) {
  const auto refusal_of = [&](const std::function<void()>& work) {
    std::string refused;
    EXPECT_EQ(capture_->capture(work, refused), nullptr);
    return refused;
  };
  const std::string wait = refusal_of([&] { check(cudaStreamSynchronize(stream_), "a wait"); });
  EXPECT_EQ(wait.rfind("a wait: CUDA: cudaErrorStreamCaptureUnsupported", 0), 0u) << wait;
  EXPECT_NE(wait.find("an earlier call could not be part of a graph"), std::string::npos) << wait;
  EXPECT_NE(refusal_of([&] { fork(); }).find("not waited for"), std::string::npos);
  EXPECT_FALSE(refusal_of([&] { testing::device_memory(1 << 20); }).empty());
  // The stream works as before.
  const Buffer x(Values(4, 1.0), DType::kF32), y(Values(4, 0.0), DType::kF32);
  copy(stream_, y, x, 4);
  check(cudaStreamSynchronize(stream_), "a copy");
  EXPECT_EQ(y.values(), Values(4, 1.0));
}

TEST_F(Capture, WhatTheWorkThrowsIsAReasonUnlessCommunicationFailed) {
  std::string refused;
  EXPECT_EQ(
      capture_->capture([] { throw InternalError("a copy to the host while a step is being captured"); }, refused),
      nullptr);
  EXPECT_EQ(refused, "a copy to the host while a step is being captured");
  EXPECT_THROW(capture_->capture([] { throw CommError("rank 3: all_reduce failed"); }, refused), CommError);
  EXPECT_TRUE(capture_->capture([] {}, refused)) << "the stream can be captured again";
}

}  // namespace
}  // namespace brainmt::cuda
