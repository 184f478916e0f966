// Causal depthwise convolution with SiLU: the oracle against central differences, the kernels against the oracle.
#include "kernels/causal_conv1d.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kernel_test_support.hpp"
#include "kernels/ref/causal_conv1d.hpp"

namespace brainmt::kernels {
namespace {

constexpr double kStart = 0.25;  // what dw, dbias, and dx when accumulating, hold before the call

/// Inputs as double, representable in the storage type; x is the right half of a matrix of width 2E.
struct Problem {
  ref::ConvShape shape;
  Values x, w, bias, dy;
  bool accumulate = false;

  std::size_t rows() const { return shape.batch * shape.length; }
};

struct Results {
  Values y, dx, dw, dbias;
};

template <class T>
Problem make_problem(const ref::ConvShape& shape) {
  using M = Master<T>;
  const std::size_t e = shape.channels, rows = shape.batch * shape.length;
  return {shape, Buffer<T>(random_values(rows * 2 * e, 1)).values(),
          Buffer<M>(random_values(e * shape.taps, 2, 0.5)).values(), Buffer<M>(random_values(e, 3)).values(),
          Buffer<T>(random_values(rows * e, 4)).values()};
}

Results run_oracle(const Problem& problem) {
  const ref::ConvShape& shape = problem.shape;
  const std::size_t e = shape.channels, count = problem.rows() * e;
  Results out{Values(count), Values(count, kStart), Values(problem.w.size(), kStart), Values(e, kStart)};
  const MatrixView<const double> x{problem.x.data() + e, 2 * e};
  ref::causal_conv1d_silu_fwd<double>({out.y.data(), e}, x, problem.w.data(), problem.bias.data(), shape);
  ref::causal_conv1d_silu_bwd<double>({out.dx.data(), e}, out.dw.data(), out.dbias.data(), {problem.dy.data(), e}, x,
                                      problem.w.data(), problem.bias.data(), shape, problem.accumulate);
  return out;
}

template <class T>
Results run_kernels(const Problem& problem) {
  using M = Master<T>;
  const auto& [batch, length, e, taps, direction] = problem.shape;
  const Buffer<T> x(problem.x), dy(problem.dy), y(problem.dy.size()), dx(problem.dy.size(), kStart);
  const Buffer<M> w(problem.w), bias(problem.bias), dw(problem.w.size(), kStart), dbias(e, kStart);
  const auto x_rows = rows<const T>(x.data() + e, problem.rows(), e, 2 * e);
  causal_conv1d_silu_fwd<T>(Exec(), y.rows(e), x_rows, w.in_matrix(taps), bias.in(), batch, length, direction);
  causal_conv1d_silu_bwd<T>(Exec(), dx.rows(e), dw.matrix(taps), dbias.flat(), dy.in_rows(e), x_rows, w.in_matrix(taps),
                            bias.in(), batch, length, direction, problem.accumulate);
  return {y.values(), dx.values(), dw.values(), dbias.values()};
}

double largest(const Values& values) {
  double most = 0;
  for (const double value : values) most = std::max(most, std::abs(value));
  return most;
}

// y and dx are sums of K + 1 terms whose sizes add up to 10 at most, with one SiLU good to 5 roundoffs: 50 roundoffs. A
// parameter gradient sums up to `rows` such terms, 128 in a block and then block after block; its signs mix.
template <class T>
void expect_matches_oracle(const Problem& problem) {
  const Results got = run_kernels<T>(problem), want = run_oracle(problem);
  const double token = 50 * roundoff<float>(), store = std::is_same_v<T, bf16> ? roundoff<bf16>() : 0;
  expect_close(got.y, want.y, token, store, "y");
  expect_close(got.dx, want.dx, token, store, "dx");
  const double parameter = token * std::max(1.0, largest(want.dw));
  expect_close(got.dw, want.dw, parameter, 0, "dw");
  expect_close(got.dbias, want.dbias, parameter, 0, "dbias");
}

template <class T>
void compare_over_shapes() {
  for (const std::size_t length : {1, 2, 3, 31, 127, 128, 129, 300})
    for (const std::size_t channels : {8, 16, 40, 72})
      for (const std::size_t batch : {1, 2})
        for (const std::size_t taps : {1, 4, 8})
          for (const Direction direction : {Direction::kForward, Direction::kReverse}) {
            SCOPED_TRACE(fmt::format("L {} E {} B {} K {}", length, channels, batch, taps));
            Problem problem = make_problem<T>({batch, length, channels, taps, direction});
            problem.accumulate = direction == Direction::kReverse;  // as the second direction over one x does
            expect_matches_oracle<T>(problem);
            if (testing::Test::HasFatalFailure()) return;
          }
}

TEST(CausalConv1d, FloatMatchesOracle) { compare_over_shapes<float>(); }

TEST(CausalConv1d, Bf16MatchesOracleOnRoundedInputs) { compare_over_shapes<bf16>(); }

TEST(CausalConv1d, DoubleRunsTheOracle) {
  const Problem problem = make_problem<double>({2, 9, 5, 4, Direction::kReverse});
  const Results got = run_kernels<double>(problem), want = run_oracle(problem);
  constexpr double kTolerance = 1e-14;  // equal up to the use of fused multiply-adds
  expect_close(got.y, want.y, kTolerance, kTolerance, "y");
  expect_close(got.dx, want.dx, kTolerance, kTolerance, "dx");
  expect_close(got.dw, want.dw, kTolerance, kTolerance, "dw");
  expect_close(got.dbias, want.dbias, kTolerance, kTolerance, "dbias");
}

TEST(CausalConv1d, OracleGradientsMatchCentralDifferences) {
  for (const Direction direction : {Direction::kForward, Direction::kReverse}) {
    Problem problem = make_problem<double>({2, 6, 3, 4, direction});
    const std::size_t e = problem.shape.channels;
    const auto loss = [&] { return dot(run_oracle(problem).y, problem.dy); };
    Results gradients = run_oracle(problem);
    Values dx(problem.x.size());  // 0 for the left half of the wide matrix
    for (std::size_t row = 0; row < problem.rows(); ++row) std::copy_n(&gradients.dx[row * e], e, &dx[row * 2 * e + e]);
    for (Values* added : {&gradients.dw, &gradients.dbias})
      for (double& value : *added) value -= kStart;
    expect_gradient(loss, problem.x, dx, "dx");
    expect_gradient(loss, problem.w, gradients.dw, "dw");
    expect_gradient(loss, problem.bias, gradients.dbias, "dbias");
  }
}

TEST(CausalConv1d, OutputDoesNotDependOnLaterTokens) {
  constexpr std::size_t kChanged = 140, kChannels = 16;
  Problem problem = make_problem<float>({1, 200, kChannels, 4, Direction::kForward});
  const Values before = run_kernels<float>(problem).y;
  for (std::size_t i = 0; i < 2 * kChannels; ++i) problem.x[kChanged * 2 * kChannels + i] += 1;
  const Values after = run_kernels<float>(problem).y;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const std::size_t t = i / kChannels;
    EXPECT_EQ(before[i] != after[i], t >= kChanged && t < kChanged + 4) << "token " << t;
  }
}

TEST(CausalConv1d, TwoRunsGiveEqualBits) {
  const Problem problem = make_problem<float>({2, 300, 40, 4, Direction::kForward});
  const Results first = run_kernels<float>(problem), second = run_kernels<float>(problem);
  EXPECT_EQ(first.y, second.y);
  EXPECT_EQ(first.dx, second.dx);
  EXPECT_EQ(first.dw, second.dw);
  EXPECT_EQ(first.dbias, second.dbias);
}

TEST(CausalConv1d, ExtremeInputsStayFinite) {
  Problem problem = make_problem<float>({1, 20, 16, 4, Direction::kForward});
  for (std::size_t i = 0; i < problem.x.size(); ++i) problem.x[i] = i % 2 == 0 ? 1e4 : -1e4;
  const Results results = run_kernels<float>(problem);
  for (const Values* values : {&results.y, &results.dx, &results.dw, &results.dbias})
    EXPECT_TRUE(std::all_of(values->begin(), values->end(), [](double v) { return std::isfinite(v); }));
}

}  // namespace
}  // namespace brainmt::kernels
