// A library's product under capture, on a GPU: its plan is made before, and its workspace stays.
#include "cuda/capture.hpp"
#include "cuda/gemm.hpp"
#include "device_checks.hpp"

namespace brainmt::cuda {
namespace {

using testing::Buffer;
using testing::Values;

class CapturedProduct : public testing::OnDevice {};

TEST_F(CapturedProduct, IsTheProductOfWhatLiesThereThen) {
  constexpr std::int64_t kSize = 64;
  constexpr std::size_t kCount = kSize * kSize, kBytes = kCount * sizeof(float);
  cudaStream_t stream = nullptr;
  check(cudaStreamCreate(&stream), "a test's stream");
  const Values zero(kCount, 0.0);
  const Buffer a(zero, DType::kF32), b(zero, DType::kF32), c(zero, DType::kF32);
  // As an arena of the pool: the captured product gets what the first one took.
  std::vector<std::shared_ptr<void>> arena;
  std::size_t next = 0;
  bool fixed = false;
  const Context context{.stream = stream, .allocate = [&](std::size_t bytes) {
                          if (!fixed) arena.push_back(testing::device_memory(bytes));
                          return arena.at(next++);
                        }};
  const auto product = [&] {
    next = 0;
    const auto matrix = [](const Buffer& m) { return AnyMatrix{m.data(), DType::kF32, kSize, kSize, kSize, 1}; };
    gemm(context, {c.data(), DType::kF32, kSize, kSize, kSize, 1}, matrix(a), matrix(b), nullptr, false);
  };
  product();
  check(cudaStreamSynchronize(stream), "the first product");
  fixed = true;
  std::string refused;
  const auto graph = make_stream_capture(stream)->capture(product, refused);
  ASSERT_TRUE(graph) << refused;
  for (unsigned factor = 1; factor <= 3; ++factor) {
    const Values x = testing::random_values(kCount, DType::kF32, factor);
    Values diagonal(kCount, 0.0);
    for (std::int64_t i = 0; i < kSize; ++i) diagonal[static_cast<std::size_t>(i * kSize + i)] = factor;
    const Buffer left(x, DType::kF32), right(diagonal, DType::kF32);
    check(cudaMemcpyAsync(a.data(), left.data(), kBytes, cudaMemcpyDeviceToDevice, stream), "input");
    check(cudaMemcpyAsync(b.data(), right.data(), kBytes, cudaMemcpyDeviceToDevice, stream), "input");
    graph->launch();
    check(cudaStreamSynchronize(stream), "a launch");
    const Values values = c.values();
    // One term of each sum is not 0: the product is rounded once.
    for (std::size_t i = 0; i < kCount; ++i)
      EXPECT_EQ(values[i], static_cast<float>(x[i]) * static_cast<float>(factor));
  }
  cudaStreamDestroy(stream);
}

}  // namespace
}  // namespace brainmt::cuda
