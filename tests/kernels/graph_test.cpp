// Operations on matrices between nodes against plain loops, over awkward sizes and all types.
#include "kernels/graph.hpp"

#include "kernel_test_support.hpp"

namespace brainmt::kernels {
namespace {

struct Sizes {
  std::size_t b, p, c, q;
  std::size_t count() const { return b * p * c * q; }
  std::size_t at(std::size_t i, std::size_t j, std::size_t k, std::size_t l) const {
    return ((i * p + j) * c + k) * q + l;
  }
};
constexpr Sizes kSizes[] = {{1, 1, 1, 1}, {2, 5, 3, 7}, {3, 1, 4, 6}, {1, 33, 2, 17}};

template <class T>
class Graph : public testing::Test {};
using Types = testing::Types<float, double, bf16>;
TYPED_TEST_SUITE(Graph, Types);

template <class T>
View4<T> four(const Buffer<T>& b, const Sizes& s) {
  return View4<T>(b.data(), s.b, s.p, s.c, s.q);
}

template <class F>
void for_each_index(const Sizes& s, const F& f) {
  for (std::size_t i = 0; i < s.b; ++i)
    for (std::size_t j = 0; j < s.p; ++j)
      for (std::size_t k = 0; k < s.c; ++k)
        for (std::size_t l = 0; l < s.q; ++l) f(i, j, k, l);
}

TYPED_TEST(Graph, SwapExchangesRowsAndColumns) {
  using T = TypeParam;
  for (const Sizes& s : kSizes) {
    const Buffer<T> x(random_values(s.count(), 1)), y(s.count());
    const Sizes swapped{s.b, s.q, s.c, s.p};
    swap_nodes<T>(Exec(), four(y, swapped), View4<const T>(x.data(), s.b, s.p, s.c, s.q));
    const Values from = x.values(), to = y.values();
    for_each_index(s, [&](std::size_t i, std::size_t j, std::size_t k, std::size_t l) {
      ASSERT_EQ(to[swapped.at(i, l, k, j)], from[s.at(i, j, k, l)]);
    });
  }
}

TYPED_TEST(Graph, OuterSumAndItsGradientsMatchPlainLoops) {
  using T = TypeParam;
  for (const Sizes& s : kSizes) {
    const Buffer<T> rows(random_values(s.b * s.p * s.c, 1)), columns(random_values(s.b * s.q * s.c, 2));
    const Buffer<T> y(s.count()), dy(random_values(s.count(), 3)), drows(s.b * s.p * s.c), dcolumns(s.b * s.q * s.c);
    const auto three = [&](const Buffer<T>& b, std::size_t n) { return View3<T>(b.data(), s.b, n, s.c); };
    const auto three_in = [&](const Buffer<T>& b, std::size_t n) { return View3<const T>(b.data(), s.b, n, s.c); };
    outer_sum_fwd<T>(Exec(), four(y, s), three_in(rows, s.p), three_in(columns, s.q));
    outer_sum_bwd<T>(Exec(), three(drows, s.p), three(dcolumns, s.q), View4<const T>(dy.data(), s.b, s.p, s.c, s.q));
    const Values r = rows.values(), c = columns.values(), g = dy.values();
    Values sum(s.count()), of_rows(r.size()), of_columns(c.size());
    for_each_index(s, [&](std::size_t i, std::size_t j, std::size_t k, std::size_t l) {
      const std::size_t row = (i * s.p + j) * s.c + k, column = (i * s.q + l) * s.c + k;
      sum[s.at(i, j, k, l)] = r[row] + c[column];
      of_rows[row] += g[s.at(i, j, k, l)];
      of_columns[column] += g[s.at(i, j, k, l)];
    });
    // A sum of n terms below 2 in the master type, then one rounding to T.
    const double u = roundoff<Master<T>>();
    expect_close(y.values(), sum, 2 * roundoff<T>(), 2 * roundoff<T>(), "y");
    expect_close(drows.values(), of_rows, 8 * static_cast<double>(s.q) * u, 2 * roundoff<T>(), "drows");
    expect_close(dcolumns.values(), of_columns, 8 * static_cast<double>(s.p) * u, 2 * roundoff<T>(), "dcolumns");
  }
}

TYPED_TEST(Graph, LeakyReluBendsBelowZeroOnly) {
  using T = TypeParam;
  const Values x{-2, -0.5, 0, 0.5, 4};
  Buffer<T> y(5), dx(5);
  const Buffer<T> in(x), dy(Values{1, 2, 3, 4, 5});
  leaky_relu_fwd<T>(Exec(), y.flat(), in.in(), Master<T>(0.25));
  leaky_relu_bwd<T>(Exec(), dx.flat(), dy.in(), in.in(), Master<T>(0.25));
  EXPECT_EQ(y.values(), (Values{-0.5, -0.125, 0, 0.5, 4}));
  EXPECT_EQ(dx.values(), (Values{0.25, 0.5, 0.75, 4, 5}));
}

TYPED_TEST(Graph, FeaturesAreScaledByTheirSamplesFactors) {
  using T = TypeParam;
  Buffer<T> y(6);
  const Buffer<T> x(Values{1, 2, 3, 4, 5, 6});
  const Buffer<float> factors(Values{0, 2, 2, 0, 2, 2});  // [3 features, 2 samples]
  scale_features<T>(Exec(), View2<T>(y.data(), 2, 3), View2<const T>(x.data(), 2, 3),
                    View2<const float>(factors.data(), 3, 2));
  EXPECT_EQ(y.values(), (Values{0, 4, 6, 8, 0, 12}));
}

}  // namespace
}  // namespace brainmt::kernels
