// Casts, axpby and fill: exact where the arithmetic is exact, one rounding where it is not.
#include "kernels/elementwise.hpp"

#include "kernel_test_support.hpp"

namespace brainmt::kernels {
namespace {

template <class T>
class Elementwise : public testing::Test {};
using StorageTypes = testing::Types<float, bf16, double>;
TYPED_TEST_SUITE(Elementwise, StorageTypes);

TYPED_TEST(Elementwise, CastRoundsOnce) {
  for (std::size_t count : {1, 3, 4096, 10007}) {
    const Buffer<double> in(random_values(count, 1));
    Buffer<TypeParam> out(count);
    cast<TypeParam, double>(Exec(), out.flat(), in.in());
    const double bound = roundoff<TypeParam>() + 0x1p-24;  // double reaches bf16 by way of float
    expect_close(out.values(), in.values(), 0, bound, "cast");
    Buffer<double> back(count);
    cast<double, TypeParam>(Exec(), back.flat(), out.in());
    EXPECT_EQ(back.values(), out.values());
  }
}

TYPED_TEST(Elementwise, AxpbyMatchesFormula) {
  using M = Master<TypeParam>;
  for (std::size_t count : kOddSizes) {
    const Buffer<TypeParam> x(random_values(count, 2));
    Buffer<TypeParam> y(random_values(count, 3));
    Values want = y.values();
    for (std::size_t i = 0; i < count; ++i) want[i] = 0.5 * x.values()[i] - 2.0 * want[i];
    axpby<TypeParam>(Exec(), y.flat(), M(0.5), x.in(), M(-2));
    // Both factors are powers of two: the sum is rounded once to M and once to T.
    expect_close(y.values(), want, 0, roundoff<TypeParam>() + 2 * roundoff<M>(), "axpby");
  }
}

TYPED_TEST(Elementwise, AxpbyWithBetaZeroIgnoresOldContent) {
  using M = Master<TypeParam>;
  const Buffer<TypeParam> x(random_values(129, 4));
  Buffer<TypeParam> y(129);  // NaN
  axpby<TypeParam>(Exec(), y.flat(), M(1), x.in(), M(0));
  EXPECT_EQ(y.values(), x.values());
}

TYPED_TEST(Elementwise, FillWritesEveryElement) {
  for (std::size_t count : {0, 1, 4095, 4097}) {
    Buffer<TypeParam> y(count);
    fill<TypeParam>(Exec(), y.flat(), Master<TypeParam>(-1.5));
    EXPECT_EQ(y.values(), Values(count, -1.5));
  }
}

}  // namespace
}  // namespace brainmt::kernels
