// AdamW: steps by hand, weight decay alone, and many steps against the oracle in double.
#include "kernels/adamw.hpp"

#include "kernel_test_support.hpp"
#include "kernels/ref/adamw.hpp"

namespace brainmt::kernels {
namespace {

template <class M>
class AdamW : public testing::Test {};
using MasterTypes = testing::Types<float, double>;
TYPED_TEST_SUITE(AdamW, MasterTypes);

TYPED_TEST(AdamW, FirstTwoStepsByHand) {
  using M = TypeParam;
  Buffer<M> p(Values{1.0}), m(1, 0.0), v(1, 0.0);
  // Step 1, g = 2: p = 0.99; m = 0.2, v = 0.004; both corrections give m^ = 2, v^ = 4, so p -= 0.1 * 2 / 2.
  adamw<M>(Exec(), p.flat(), m.flat(), v.flat(), Buffer<M>(Values{2.0}).in(), {0.1, 0.9, 0.999, 0.0, 0.1, 1});
  const double u = 16 * roundoff<M>();
  expect_close(p.values(), {0.89}, 0, u, "p");
  expect_close(m.values(), {0.2}, 0, u, "m");
  expect_close(v.values(), {0.004}, 0, u, "v");
  // Step 2, g = -2 (scaled from -4), no decay: m = 0.18 - 0.2, v = 0.003996 + 0.004; m^ = -0.02 / 0.19, v^ = 4.
  adamw<M>(Exec(), p.flat(), m.flat(), v.flat(), Buffer<M>(Values{-4.0}).in(), {0.1, 0.9, 0.999, 0.0, 0.0, 2, 0.5});
  expect_close(m.values(), {-0.02}, u, u, "m");  // cancels: absolute
  expect_close(v.values(), {0.007996}, 0, u, "v");
  expect_close(p.values(), {0.89 + 0.1 * (0.02 / 0.19) / 2}, 0, u, "p");
}

TYPED_TEST(AdamW, ZeroGradientOnlyDecays) {
  using M = TypeParam;
  Buffer<M> p(Values{2.0, -3.0}), m(2, 0.0), v(2, 0.0);
  const Buffer<M> gradient(2, 0.0);
  for (int t = 1; t <= 3; ++t)
    adamw<M>(Exec(), p.flat(), m.flat(), v.flat(), gradient.in(), {0.5, 0.9, 0.999, 1e-6, 0.5, t});
  const double factor = 0.75 * 0.75 * 0.75;
  EXPECT_EQ(p.values(), (Values{2 * factor, -3 * factor}));
}

TYPED_TEST(AdamW, ManyStepsMatchOracle) {
  using M = TypeParam;
  constexpr int kSteps = 50;
  const double lr = 1e-2, beta1 = 0.9, beta2 = 0.999, eps = 1e-6, decay = 0.05, scale = 0.7;
  for (std::size_t count : {1, 17, 4097}) {
    Buffer<M> p(random_values(count, 1)), m(count, 0.0), v(count, 0.0);
    std::vector<ref::AdamWState<double>> want(count);
    const Values start = p.values();
    for (std::size_t i = 0; i < count; ++i) want[i] = {start[i], 0, 0};
    for (int t = 1; t <= kSteps; ++t) {
      const Buffer<M> gradient(random_values(count, 100 + t));
      adamw<M>(Exec(), p.flat(), m.flat(), v.flat(), gradient.in(), {lr, beta1, beta2, eps, decay, t, scale});
      const Values g = gradient.values();
      for (std::size_t i = 0; i < count; ++i)
        want[i] = ref::adamw(want[i], scale * g[i], lr, beta1, beta2, eps, decay, t);
    }
    Values want_p(count), want_m(count), want_v(count);
    for (std::size_t i = 0; i < count; ++i) want_p[i] = want[i].p, want_m[i] = want[i].m, want_v[i] = want[i].v;
    // Each step rounds p (|p| < 6) and its update (of order lr) a few times; m and v forget as they go.
    expect_close(p.values(), want_p, kSteps * 8 * roundoff<M>(), 0, "p");
    expect_close(m.values(), want_m, 64 * roundoff<M>(), 0, "m");
    expect_close(v.values(), want_v, 0, (kSteps + 8) * 4 * roundoff<M>(), "v");
  }
}

}  // namespace
}  // namespace brainmt::kernels
