// Softmax over rows and its backward against plain loops in double, and the loops against central differences.
#include "kernels/softmax.hpp"

#include <algorithm>

#include "kernel_test_support.hpp"

namespace brainmt::kernels {
namespace {

struct Softmax {
  Values p, lse;
};

Softmax plain_softmax(const Values& logits, std::size_t keys, double scale) {
  Softmax out{Values(logits.size()), Values(logits.size() / keys)};
  for (std::size_t row = 0; row < out.lse.size(); ++row) {
    const double* s = logits.data() + row * keys;
    const double largest = scale * *std::max_element(s, s + keys);
    double sum = 0;
    for (std::size_t j = 0; j < keys; ++j) sum += std::exp(scale * s[j] - largest);
    out.lse[row] = largest + std::log(sum);
    for (std::size_t j = 0; j < keys; ++j) out.p[row * keys + j] = std::exp(scale * s[j] - out.lse[row]);
  }
  return out;
}

Values plain_softmax_bwd(const Softmax& forward, const Values& dp, std::size_t keys, double scale) {
  Values ds(dp.size());
  for (std::size_t row = 0; row < forward.lse.size(); ++row) {
    double dot = 0;
    for (std::size_t j = row * keys; j < (row + 1) * keys; ++j) dot += forward.p[j] * dp[j];
    for (std::size_t j = row * keys; j < (row + 1) * keys; ++j) ds[j] = scale * forward.p[j] * (dp[j] - dot);
  }
  return ds;
}

constexpr double kScale = 0.25;

TEST(SoftmaxOracle, MatchesCentralDifferences) {
  constexpr std::size_t kKeys = 5;
  Values logits = random_values(3 * kKeys, 1, 3.0);
  const Values dp = random_values(logits.size(), 2);
  const Values ds = plain_softmax_bwd(plain_softmax(logits, kKeys, kScale), dp, kKeys, kScale);
  expect_gradient([&] { return dot(plain_softmax(logits, kKeys, kScale).p, dp); }, logits, ds, "logits");
}

template <class T>
class SoftmaxKernels : public testing::Test {};
using Types = testing::Types<float, bf16, double>;
TYPED_TEST_SUITE(SoftmaxKernels, Types);

TYPED_TEST(SoftmaxKernels, MatchTheOracle) {
  using T = TypeParam;
  using M = Master<T>;
  for (const std::size_t keys : kOddSizes) {
    SCOPED_TRACE(keys);
    constexpr std::size_t kRows = 7;
    const Buffer<M> logits(random_values(kRows * keys, 1, 20.0)), dp(random_values(kRows * keys, 2));
    const Buffer<T> p(kRows * keys), again(kRows * keys), ds(kRows * keys);
    const Buffer<M> lse(kRows);
    softmax_fwd<T>(Exec(), p.rows(keys), lse.flat(), logits.in_rows(keys), M(kScale));
    softmax_again<T>(Exec(), again.rows(keys), logits.in_rows(keys), lse.in(), M(kScale));
    const Softmax want = plain_softmax(logits.values(), keys, kScale);
    // exp of an argument of size a is a u a relative off; 3e-7 is the exponential's own error.
    const double relative = 200 * roundoff<M>() + (std::is_same_v<M, float> ? 3e-7 : 0) + roundoff<T>();
    expect_close(p.values(), want.p, 1e-38, relative, "p");
    expect_close(again.values(), p.values(), 0, 0, "p again");
    expect_close(lse.values(), want.lse, 0, 200 * roundoff<M>(), "lse");

    // Backward from the stored weights, so that only its own arithmetic is compared; the sum of a row is off by some
    // sqrt(keys) roundoffs.
    const Softmax stored{p.values(), lse.values()};
    softmax_bwd<T>(Exec(), ds.rows(keys), p.in_rows(keys), dp.in_rows(keys), M(kScale));
    const Values expected = plain_softmax_bwd(stored, dp.values(), keys, kScale);
    double largest = 0;
    for (const double v : expected) largest = std::max(largest, std::abs(v));
    expect_close(ds.values(), expected, (8 + 2 * std::sqrt(static_cast<double>(keys))) * roundoff<M>() * (1 + largest),
                 roundoff<T>(), "ds");
  }
}

}  // namespace
}  // namespace brainmt::kernels
