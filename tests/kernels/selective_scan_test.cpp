// Selective scan: the oracle against central differences, the kernels against the oracle.
#include "kernels/selective_scan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "scan_problem.hpp"

namespace brainmt::kernels {
namespace {

const std::vector<std::vector<Direction>> kWays = {
    {Direction::kForward}, {Direction::kReverse}, {Direction::kForward, Direction::kReverse}};

double largest(const Values& values) {
  double most = 0;
  for (const double value : values) most = std::max(most, std::abs(value));
  return most;
}

// In unit roundoffs of results without cancellation. One token adds about 10, most from exp and softplus; an error
// lives on for 1 / (1 - decay) = 10 tokens (delta near 0.1, slowest A near -1), where signs mix: 10 sqrt(10).
constexpr double kFactor = 30;

// A value stored as bf16 is rounded once more, y of two directions twice.
template <class T>
void expect_matches_oracle(const Problem& problem) {
  const Results got = run_kernels<T>(problem), expected = run_oracle(problem), scale = run_oracle(absolute(problem));
  const double store = std::is_same_v<T, bf16> ? roundoff<bf16>() : 0;
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t k = 0; k < expected.size(); ++k) {
    const double size = largest(scale[k].values);
    const bool stored_twice = k == 0 && problem.directions.size() == 2;
    const double absolute = kFactor * roundoff<float>() * std::max(1.0, size) + (stored_twice ? 2 * store * size : 0);
    expect_close(got[k].values, expected[k].values, absolute, store, expected[k].name);
  }
}

template <class T>
void compare_over_shapes() {
  for (const std::size_t length : {1, 2, 31, 63, 64, 65, 127, 129, 372, 1024})
    for (const std::size_t channels : {8, 16, 24, 40})
      for (const std::size_t batch : {1, 2})
        for (const std::size_t states : {16, 5})
          for (const auto& way : kWays) {
            if (length > 300 && !(channels == 24 && batch == 2)) continue;  // keeps the test short
            SCOPED_TRACE(fmt::format("L {} E {} B {} N {} ways {}", length, channels, batch, states, way.size()));
            expect_matches_oracle<T>(make_problem<T>({batch, length, channels, states}, way));
            if (testing::Test::HasFatalFailure()) return;
          }
}

TEST(SelectiveScan, FloatMatchesOracle) { compare_over_shapes<float>(); }

TEST(SelectiveScan, Bf16MatchesOracleOnRoundedInputs) { compare_over_shapes<bf16>(); }

TEST(SelectiveScan, ManyGroupsAndChunksMatchOracle) {
  // 3 groups of channels, 2 chunks of tokens
  expect_matches_oracle<float>(make_problem<float>({1, 1100, 290, 3}, kWays[2]));
}

TEST(SelectiveScan, StatesOfSeveralPassesMatchOracle) {
  for (const std::size_t states : {17, 37})
    expect_matches_oracle<float>(make_problem<float>({2, 129, 40, states}, kWays[2]));
}

TEST(SelectiveScan, DoubleRunsTheOracle) {
  const Problem problem = make_problem<double>({2, 70, 5, 3}, kWays[2]);
  const Results got = run_kernels<double>(problem), expected = run_oracle(problem);
  for (std::size_t k = 0; k < expected.size(); ++k)
    expect_close(got[k].values, expected[k].values, 1e-12, 1e-12, expected[k].name);
}

TEST(SelectiveScan, OracleGradientsMatchCentralDifferences) {
  for (const Direction direction : {Direction::kForward, Direction::kReverse}) {
    Problem problem = make_problem<double>({2, 5, 3, 2}, {direction});
    const auto loss = [&] { return dot(run_oracle(problem)[0].values, problem.dy); };
    const Results results = run_oracle(problem);
    DirectionInputs& in = problem.directions[0];
    // What the scan does not use of a wider matrix has gradient 0.
    const std::size_t e = problem.shape.channels, n = problem.shape.states, width = kLead + 2 * n;
    Values dx(in.x.size()), dbc(in.bc.size());
    for (std::size_t row = 0; row < problem.rows(); ++row) {
      std::copy_n(&results[1].values[row * e], e, &dx[row * 2 * e]);
      std::copy_n(&results[3].values[row * n], n, &dbc[row * width + kLead]);
      std::copy_n(&results[4].values[row * n], n, &dbc[row * width + kLead + n]);
    }
    expect_gradient(loss, in.x, dx, "dx");
    expect_gradient(loss, in.delta_raw, results[2].values, "ddelta_raw");
    expect_gradient(loss, in.bc, dbc, "db, dc");
    expect_gradient(loss, in.delta_bias, results[5].values, "ddelta_bias");
    expect_gradient(loss, in.a_log, results[6].values, "da_log");
    expect_gradient(loss, in.d, results[7].values, "dd");
  }
}

TEST(SelectiveScan, TwoRunsGiveEqualBits) {
  const Problem problem = make_problem<float>({2, 200, 40, 16}, kWays[2]);
  const Results first = run_kernels<float>(problem), second = run_kernels<float>(problem);
  for (std::size_t k = 0; k < first.size(); ++k) EXPECT_EQ(first[k].values, second[k].values) << first[k].name;
}

// Rows of every sample in opposite order.
Values flipped(const Values& values, const ref::ScanShape& shape) {
  const std::size_t cols = values.size() / (shape.batch * shape.length);
  Values out(values.size());
  for (std::size_t row = 0; row < shape.batch * shape.length; ++row) {
    const std::size_t t = row % shape.length, mirrored = row - t + shape.length - 1 - t;
    std::copy_n(&values[row * cols], cols, &out[mirrored * cols]);
  }
  return out;
}

TEST(SelectiveScan, ReverseIsForwardOnTheFlippedSequence) {
  const Problem two_way = make_problem<float>({2, 150, 24, 16}, kWays[2]);
  Problem forward = two_way, flip = two_way, reverse = two_way;
  forward.directions.pop_back();
  reverse.directions.erase(reverse.directions.begin());
  flip.directions = reverse.directions;
  DirectionInputs& in = flip.directions[0];
  in.direction = Direction::kForward;
  for (Values* values : {&in.x, &in.delta_raw, &in.bc, &flip.dy}) *values = flipped(*values, flip.shape);

  const Results by_hand = run_kernels<float>(flip), got = run_kernels<float>(reverse);
  for (std::size_t k = 0; k < got.size(); ++k) {
    const bool has_tokens = k <= 4;  // y, dx, ddelta_raw, db, dc; the rest are parameters
    EXPECT_EQ(got[k].values, has_tokens ? flipped(by_hand[k].values, flip.shape) : by_hand[k].values) << got[k].name;
  }

  // The two-way y is the sum of both, up to the order of additions; the gradients are those of each alone.
  const Results both = run_kernels<float>(two_way), first = run_kernels<float>(forward);
  const double size = largest(run_oracle(absolute(two_way))[0].values);
  for (std::size_t i = 0; i < both[0].values.size(); ++i)
    EXPECT_NEAR(both[0].values[i], first[0].values[i] + got[0].values[i],
                2 * 20 * roundoff<float>() * size);  // N + 4 additions
  for (std::size_t k = 1; k < got.size(); ++k) {
    EXPECT_EQ(both[k].values, first[k].values) << first[k].name;
    EXPECT_EQ(both[k + got.size() - 1].values, got[k].values) << got[k].name;
  }
}

template <class T>
void expect_finite_at_extremes() {
  Problem problem = make_problem<T>({1, 130, 20, 16}, kWays[2]);
  for (DirectionInputs& in : problem.directions) {
    for (std::size_t i = 0; i < in.delta_raw.size(); ++i) in.delta_raw[i] = i % 3 == 0 ? 30 : -30;
    for (std::size_t i = 0; i < in.a_log.size(); ++i) in.a_log[i] = i % 4 == 0 ? 100 : i % 4 == 1 ? 10 : -100;
  }
  for (const Named& result : run_kernels<T>(problem))
    for (const double value : result.values) ASSERT_TRUE(std::isfinite(value)) << result.name;
}

TEST(SelectiveScan, ExtremeInputsStayFinite) {
  expect_finite_at_extremes<float>();
  expect_finite_at_extremes<bf16>();
}

TEST(SelectiveScan, NanInOneSampleStaysThere) {
  Problem problem = make_problem<float>({2, 80, 24, 5}, {Direction::kForward});
  problem.directions[0].delta_raw[3] = std::numeric_limits<double>::quiet_NaN();  // sample 0, token 0, channel 3
  const Values y = run_kernels<float>(problem)[0].values;
  for (std::size_t i = 0; i < y.size(); ++i) EXPECT_EQ(std::isnan(y[i]), i < 80 * 24 && i % 24 == 3) << i;
}

}  // namespace
}  // namespace brainmt::kernels
