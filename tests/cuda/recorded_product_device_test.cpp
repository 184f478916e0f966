// A library's product in a recording, on a GPU: its plan is made before, and its workspace stays.
#include "cuda/gemm.hpp"
#include "cuda/stream_recorder.hpp"
#include "device_checks.hpp"

namespace brainmt::cuda {
namespace {

using testing::Buffer;
using testing::Values;

class RecordedProduct : public testing::OnDevice {};

TEST_F(RecordedProduct, IsTheProductOfWhatLiesThereThen) {
  constexpr std::int64_t kSize = 64;
  constexpr std::size_t kCount = kSize * kSize, kBytes = kCount * sizeof(float);
  cudaStream_t stream = nullptr;
  check(cudaStreamCreate(&stream), "a test's stream");
  const Values zero(kCount, 0.0);
  const Buffer a(zero, Type::kF32), b(zero, Type::kF32), c(zero, Type::kF32);
  // As a reserve of the pool: what the first product took serves the recorded one.
  std::vector<std::shared_ptr<void>> reserve;
  std::size_t next = 0;
  bool fixed = false;
  const Context context{.stream = stream, .allocate = [&](std::size_t bytes) {
                          if (!fixed) reserve.push_back(testing::device_memory(bytes));
                          return reserve.at(next++);
                        }};
  const auto product = [&] {
    next = 0;
    const auto matrix = [](const Buffer& m) { return ConstMatrix{m.data(), Type::kF32, kSize, kSize, kSize, 1}; };
    gemm(context, {c.data(), Type::kF32, kSize, kSize, kSize, 1}, matrix(a), matrix(b), nullptr, false);
  };
  product();
  check(cudaStreamSynchronize(stream), "the first product");
  fixed = true;
  std::string refused;
  const auto record = make_stream_recorder(stream)->record(product, refused);
  ASSERT_TRUE(record) << refused;
  for (unsigned factor = 1; factor <= 3; ++factor) {
    const Values x = testing::random_values(kCount, Type::kF32, factor);
    Values diagonal(kCount, 0.0);
    for (std::int64_t i = 0; i < kSize; ++i) diagonal[static_cast<std::size_t>(i * kSize + i)] = factor;
    const Buffer left(x, Type::kF32), right(diagonal, Type::kF32);
    check(cudaMemcpyAsync(a.data(), left.data(), kBytes, cudaMemcpyDeviceToDevice, stream), "input");
    check(cudaMemcpyAsync(b.data(), right.data(), kBytes, cudaMemcpyDeviceToDevice, stream), "input");
    record->replay();
    check(cudaStreamSynchronize(stream), "a replay");
    const Values values = c.values();
    // One term of each sum is not 0: the product is rounded once.
    for (std::size_t i = 0; i < kCount; ++i)
      EXPECT_EQ(values[i], static_cast<float>(x[i]) * static_cast<float>(factor));
  }
  cudaStreamDestroy(stream);
}

}  // namespace
}  // namespace brainmt::cuda
