// Recording and replaying for real: products and copies of two streams as one CUDA graph, with other inputs each time;
// what cannot be recorded; errors of the work itself.
#include <functional>
#include <optional>

#include "cuda/gemm.hpp"
#include "cuda/stream_recorder.hpp"
#include "device_checks.hpp"

namespace brainmt::cuda {
namespace {

using testing::Buffer;
using testing::Values;

class StreamRecorder : public testing::OnDevice {
 protected:
  void SetUp() override {
    testing::OnDevice::SetUp();
    if (IsSkipped()) return;
    check(cudaStreamCreate(&stream_), "a test's stream");
    check(cudaStreamCreateWithFlags(&side_, cudaStreamNonBlocking), "a test's stream");
    check(cudaEventCreateWithFlags(&fork_, cudaEventDisableTiming), "a test's event");
    check(cudaEventCreateWithFlags(&join_, cudaEventDisableTiming), "a test's event");
    recorder_ = make_stream_recorder(stream_);
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
  std::unique_ptr<LaunchRecorder> recorder_;
};

constexpr std::int64_t kSize = 64;
constexpr std::size_t kCount = kSize * kSize;

TEST_F(StreamRecorder, AReplayComputesOnWhatLiesThereThen) {
  const Values zero(kCount, 0.0);
  const Buffer a(zero, Type::kF32), b(zero, Type::kF32), c(zero, Type::kF32), beside(zero, Type::kF32);
  std::vector<std::shared_ptr<void>> kept;  // addresses of a recording stay its own
  Context context{.stream = stream_,
                  .allocate = [&](std::size_t bytes) { return kept.emplace_back(testing::device_memory(bytes)); }};
  const auto product = [&] {
    const auto matrix = [](const Buffer& m) { return ConstMatrix{m.data(), Type::kF32, kSize, kSize, kSize, 1}; };
    gemm(context, {c.data(), Type::kF32, kSize, kSize, kSize, 1}, matrix(a), matrix(b), nullptr, false);
  };
  product();  // makes its plan, as a step that runs for the first time does
  check(cudaStreamSynchronize(stream_), "the first product");
  const std::size_t blocks = kept.size();
  std::size_t next = 0;
  context.allocate = [&](std::size_t) { return kept.at(next++ % std::max<std::size_t>(blocks, 1)); };

  std::string refused;
  const auto record = recorder_->record(
      [&] {
        fork();
        copy(side_, beside, a, kCount);
        product();
        join();
      },
      refused);
  ASSERT_TRUE(record) << refused;
  for (unsigned seed = 1; seed <= 3; ++seed) {
    const Values x = testing::random_values(kCount, Type::kF32, seed);
    Values identity(kCount, 0.0);
    for (std::int64_t i = 0; i < kSize; ++i) identity[static_cast<std::size_t>(i * kSize + i)] = seed;
    copy(stream_, a, Buffer(x, Type::kF32), kCount);
    check(cudaStreamSynchronize(stream_), "inputs");
    copy(stream_, b, Buffer(identity, Type::kF32), kCount);
    check(cudaStreamSynchronize(stream_), "inputs");
    record->replay();
    check(cudaStreamSynchronize(stream_), "a replay");
    EXPECT_EQ(beside.values(), x) << "the other stream";
    const Values product_values = c.values();
    for (std::size_t i = 0; i < kCount; ++i)
      EXPECT_EQ(product_values[i], static_cast<float>(static_cast<float>(x[i]) * static_cast<float>(seed)));
  }
}

TEST_F(StreamRecorder, WhatCannotBeRecordedIsRefusedWithItsReason) {
  const auto refusal_of = [&](const std::function<void()>& work) {
    std::string refused;
    EXPECT_EQ(recorder_->record(work, refused), nullptr);
    return refused;
  };
  EXPECT_NE(refusal_of([&] { check(cudaStreamSynchronize(stream_), "a wait"); }).find("cannot be part of a graph"),
            std::string::npos);
  EXPECT_NE(refusal_of([&] { fork(); }).find("not waited for"), std::string::npos);
  EXPECT_FALSE(refusal_of([&] { testing::device_memory(1 << 20); }).empty());
  // The stream works as before.
  const Buffer x(Values(4, 1.0), Type::kF32), y(Values(4, 0.0), Type::kF32);
  copy(stream_, y, x, 4);
  check(cudaStreamSynchronize(stream_), "a copy");
  EXPECT_EQ(y.values(), Values(4, 1.0));
}

TEST_F(StreamRecorder, WhatTheWorkThrowsIsAReasonUnlessCommunicationFailed) {
  std::string refused;
  EXPECT_EQ(
      recorder_->record([] { throw InternalError("a copy to the host while a step is being recorded"); }, refused),
      nullptr);
  EXPECT_EQ(refused, "a copy to the host while a step is being recorded");
  EXPECT_THROW(recorder_->record([] { throw CommError("rank 3: all_reduce failed"); }, refused), CommError);
  EXPECT_TRUE(recorder_->record([] {}, refused)) << "the stream can be recorded again";
}

}  // namespace
}  // namespace brainmt::cuda
