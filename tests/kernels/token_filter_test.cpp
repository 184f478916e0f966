// The filter along tokens: the oracle against central differences, the kernels against the oracle over awkward sizes.
#include "kernels/token_filter.hpp"

#include "kernel_test_support.hpp"
#include "kernels/ref/token_filter.hpp"

namespace brainmt::kernels {
namespace {

template <class T>
class TokenFilter : public testing::Test {};
using Types = testing::Types<float, double, bf16>;
TYPED_TEST_SUITE(TokenFilter, Types);

constexpr FilterShape kShapes[] = {{1, 1, 1, 1, 1},     {2, 5, 6, 2, 3},     {2, 81, 24, 3, 65},
                                   {1, 300, 32, 2, 65}, {1, 131, 68, 4, 65}, {3, 20, 24, 2, 65}};

MatrixView<const double> rows_of(const Values& v, const FilterShape& s) {
  return rows(v.data(), s.batch * s.length, s.channels, s.channels);
}
MatrixView<double> rows_of(Values& v, const FilterShape& s) {
  return rows(v.data(), s.batch * s.length, s.channels, s.channels);
}

TEST(TokenFilterOracle, GradientsMatchCentralDifferences) {
  const FilterShape s{2, 7, 4, 2, 5};
  Values x = random_values(s.batch * s.length * s.channels, 1), w = random_values(s.heads * s.taps, 2), y(x.size());
  const Values dy = random_values(x.size(), 3);
  const auto loss = [&] {
    ref::token_filter<double>(rows_of(y, s), rows_of(std::as_const(x), s), w.data(), s, false);
    return dot(y, dy);
  };
  Values dx(x.size()), dw(w.size());
  ref::token_filter<double>(rows_of(dx, s), rows_of(dy, s), w.data(), s, true);
  ref::token_filter_bwd_weights<double>(dw.data(), rows_of(dy, s), rows_of(std::as_const(x), s), s);
  expect_gradient(loss, x, dx, "dx");
  expect_gradient(loss, w, dw, "dw");
}

TEST(TokenFilterOracle, TapsAreNotFlipped) {
  const FilterShape s{1, 3, 1, 1, 3};
  const Values x{1, 10, 100}, w{2, 3, 5};
  Values y(3);
  ref::token_filter<double>(rows_of(y, s), rows_of(x, s), w.data(), s, false);
  EXPECT_EQ(y, (Values{3 + 50, 2 + 30 + 500, 20 + 300}));
}

TYPED_TEST(TokenFilter, MatchesOracle) {
  using T = TypeParam;
  using M = Master<T>;
  for (const FilterShape& s : kShapes) {
    const std::size_t count = s.batch * s.length * s.channels;
    const Buffer<T> x(random_values(count, 1)), dy(random_values(count, 2)), y(count), dx(count);
    const Buffer<M> w(random_values(s.heads * s.taps, 3)), dw(random_values(s.heads * s.taps, 4));
    const Values weights = w.values(), in = x.values(), gradient = dy.values();
    Values want_y(count), want_dx(count), want_dw = dw.values();
    ref::token_filter<double>(rows_of(want_y, s), rows_of(in, s), weights.data(), s, false);
    ref::token_filter<double>(rows_of(want_dx, s), rows_of(gradient, s), weights.data(), s, true);
    ref::token_filter_bwd_weights<double>(want_dw.data(), rows_of(gradient, s), rows_of(in, s), s);
    token_filter_fwd<T>(Exec(), y.rows(s.channels), x.in_rows(s.channels), w.in_matrix(s.taps), s.batch);
    token_filter_bwd_data<T>(Exec(), dx.rows(s.channels), dy.in_rows(s.channels), w.in_matrix(s.taps), s.batch);
    token_filter_bwd_weights<T>(Exec(), dw.matrix(s.taps), dy.in_rows(s.channels), x.in_rows(s.channels), s.batch);
    // Sums of n products of about 1, each below 16, in the master type; then one rounding to T.
    const double u = roundoff<M>(), taps = static_cast<double>(s.taps), terms = static_cast<double>(count / s.heads);
    expect_close(y.values(), want_y, 16 * (taps + 1) * u, 2 * roundoff<T>(), "y");
    expect_close(dx.values(), want_dx, 16 * (taps + 1) * u, 2 * roundoff<T>(), "dx");
    expect_close(dw.values(), want_dw, 16 * (terms + 1) * u, 2 * u, "dw");
  }
}

TYPED_TEST(TokenFilter, ReadsColumnsOfAWiderMatrix) {
  using T = TypeParam;
  const FilterShape s{1, 9, 2, 1, 3};
  const Buffer<T> wide(random_values(9 * 5, 1)), y(18), narrow_y(18);
  const Buffer<Master<T>> w(random_values(3, 2));
  Values narrow;
  for (std::size_t l = 0; l < 9; ++l)
    for (std::size_t c = 0; c < 2; ++c) narrow.push_back(wide.values()[l * 5 + 3 + c]);
  const Buffer<T> x(narrow);
  token_filter_fwd<T>(Exec(), y.rows(2), MatrixView<const T>{wide.data() + 3, 5, 9, 2}, w.in_matrix(3), s.batch);
  token_filter_fwd<T>(Exec(), narrow_y.rows(2), x.in_rows(2), w.in_matrix(3), s.batch);
  EXPECT_EQ(y.values(), narrow_y.values());
}

}  // namespace
}  // namespace brainmt::kernels
