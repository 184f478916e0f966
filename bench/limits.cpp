#include "bench/limits.hpp"

#include "base/philox.hpp"
#include "dnn/gemm.hpp"

namespace brainmt::bench {

Tensor random_tensor(Shape shape, DType dtype, std::uint64_t seed) {
  Philox random(seed, 0);
  std::vector<float> values(static_cast<std::size_t>(shape.count()));
  for (float& v : values) v = static_cast<float>(random.uniform(-1.0, 1.0));
  return Tensor::from_host(values, shape, dtype);
}

double gemm_limit(DType dtype, double seconds) {
  constexpr std::int64_t n = 1536;
  const Tensor x = random_tensor({n, n}, dtype), w = random_tensor({n, n}, dtype), y({n, n}, dtype);
  return 2.0 * n * n * n / measure([&] { dnn::linear_fwd(y, x, w, {}); }, seconds).min;
}

double copy_limit(double seconds) {
  constexpr std::int64_t n = 32 << 20;
  const Tensor from = Tensor::zeros({n}, DType::kF32), to({n}, DType::kF32);
  return 2.0 * static_cast<double>(from.bytes()) / measure([&] { to.copy_from(from); }, seconds).min;
}

}  // namespace brainmt::bench
