// The product inside of host attention's tiles.
#include "dnn/host/small_gemm.hpp"

#include "dense_checks.hpp"
#include "kernels/ref/gemm.hpp"

namespace brainmt::dnn {
namespace {

using testing::Values;

TEST(SmallGemm, AllTransposesAlphaBeta) {
  const std::size_t m = 5, n = 9, k = 6, wide = 11;  // wide: distance of rows, larger than any row
  const Tensor a = testing::random_tensor({std::int64_t(wide * wide)}, DType::kF32, 1);
  const Tensor b = testing::random_tensor({std::int64_t(wide * wide)}, DType::kF32, 2);
  for (const bool ta : {false, true})
    for (const bool tb : {false, true}) {
      const Tensor c = testing::random_tensor({std::int64_t(m * wide)}, DType::kF32, 3);
      Values expected = c.to_host();
      Values magnitude = testing::absolute(expected);
      const Values wide_a = a.to_host();
      const Values wide_b = b.to_host();
      kernels::ref::gemm(ta, tb, m, n, k, 0.5, wide_a.data(), wide, wide_b.data(), wide, -2.0, expected.data(), wide);
      kernels::ref::gemm(ta, tb, m, n, k, 0.5, testing::absolute(wide_a).data(), wide, testing::absolute(wide_b).data(),
                         wide, 2.0, magnitude.data(), wide);
      small_gemm(ta, tb, m, n, k, 0.5f, a.data<float>(), wide, b.data<float>(), wide, -2.0f, c.data<float>(), wide);
      testing::expect_matmul(c.to_host(), expected, magnitude, double(k + 2), DType::kF32, "c");
    }
}

}  // namespace
}  // namespace brainmt::dnn
