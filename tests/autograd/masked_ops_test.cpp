// Operations of masked autoencoders: gradients against central differences in double, values against plain loops, and
// fp32 and bf16 against double.
#include "autograd/masked_ops.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "base/philox.hpp"
#include "support/double_tensor.hpp"

namespace brainmt::autograd {
namespace {

using Values = std::vector<double>;

Values random_values(std::int64_t count, std::uint32_t seed) {
  Philox random(seed, 7);
  Values values(static_cast<std::size_t>(count));
  for (double& v : values) v = random.uniform(-1.0, 1.0);
  return values;
}

Parameter parameter(const Shape& shape, std::uint32_t seed, DType dtype = DType::kF64) {
  Parameter p;
  p.shape = shape;
  p.value = test::tensor_of(random_values(shape.count(), seed), shape, master_of(dtype));
  p.compute = p.value.to(dtype);
  p.grad = Tensor::zeros(shape, master_of(dtype));
  return p;
}

Tensor numbers(const std::vector<float>& values, const Shape& shape) {
  return Tensor::from_host(values, shape, DType::kF32);
}

// Order and restore of two samples of five tokens, three of which stay.
const std::vector<std::vector<int>> kOrders{{3, 0, 4, 1, 2}, {1, 2, 0, 4, 3}};
constexpr std::int64_t kTokens = 5, kKept = 3, kBatch = 2;

Tensor order() {
  std::vector<float> rows;
  for (std::size_t i = 0; i < 5; ++i)
    for (const auto& o : kOrders) rows.push_back(static_cast<float>(o[i]));
  return numbers(rows, {kTokens, kBatch});
}
Tensor restore() {
  std::vector<float> rows(10);
  for (std::size_t b = 0; b < 2; ++b)
    for (std::size_t i = 0; i < 5; ++i) rows[static_cast<std::size_t>(kOrders[b][i]) * 2 + b] = static_cast<float>(i);
  return numbers(rows, {kTokens, kBatch});
}

using Operation = std::function<Var(Tape&, const std::vector<Var>&)>;

// Gradients of sum y^2 / 2 + sum y in every input and parameter, at every element.
void expect_gradients(const Operation& f, std::vector<Values> inputs, const std::vector<Shape>& shapes,
                      const std::vector<Parameter*>& parameters) {
  const auto vars = [&](bool wanted) {
    std::vector<Var> made;
    for (std::size_t i = 0; i < inputs.size(); ++i) made.emplace_back(test::in_double(inputs[i], shapes[i]), wanted);
    return made;
  };
  const auto loss = [&] {
    Tape tape(Tape::Mode::kForget);
    double sum = 0;
    for (const double y : f(tape, vars(false)).value().to_host()) sum += y * y / 2 + y;
    return sum;
  };
  const std::vector<Var> in = vars(true);
  Tape tape;
  for (Parameter* p : parameters) p->grad.zero();
  const Var y = f(tape, in);
  Values seed = y.value().to_host();
  for (double& v : seed) v += 1;
  tape.backward(y, test::in_double(seed, y.shape()));
  constexpr double kStep = 1e-6;
  const auto check = [&](double& x, double gradient, const std::string& what) {
    const double kept = x;
    x = kept + kStep;
    const double above = loss();
    x = kept - kStep;
    const double below = loss();
    x = kept;
    const double slope = (above - below) / (2 * kStep);
    ASSERT_NEAR(gradient, slope, 2e-7 * std::max(1.0, std::abs(slope))) << what;
  };
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Values gradient = in[i].gradient().take().to_host();
    ASSERT_EQ(gradient.size(), inputs[i].size());
    for (std::size_t j = 0; j < gradient.size(); ++j)
      check(inputs[i][j], gradient[j], fmt::format("input {} [{}]", i, j));
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Values gradient = parameters[i]->grad.to_host();
    for (std::size_t j = 0; j < gradient.size(); ++j)
      check(parameters[i]->value.data<double>()[j], gradient[j], fmt::format("parameter {} [{}]", i, j));
  }
}

TEST(MaskedOps, GradientOfTheFilterMatches) {
  Parameter w = parameter({2, 1, 5, 1}, 1);
  expect_gradients([&](Tape& t, const auto& in) { return token_filter(t, in[0], w); }, {random_values(2 * 7 * 4, 2)},
                   {{2, 7, 4}}, {&w});
}

TEST(MaskedOps, GradientsOfKeepingAndRestoringMatch) {
  Parameter cls = parameter({1, 1, 3}, 1), mask = parameter({1, 1, 3}, 2);
  const Tensor offset = test::in_double({1, 2, 3}, {3}), o = order(), r = restore();
  expect_gradients([&](Tape& t, const auto& in) { return keep_tokens(t, in[0], cls, offset, o, r, kKept); },
                   {random_values(30, 3)}, {{kBatch, kTokens, 3}}, {&cls});
  expect_gradients([&](Tape& t, const auto& in) { return keep_tokens(t, in[0], cls, {}, {}, {}, kTokens); },
                   {random_values(30, 3)}, {{kBatch, kTokens, 3}}, {&cls});
  expect_gradients([&](Tape& t, const auto& in) { return restore_tokens(t, in[0], mask, o, r); },
                   {random_values(24, 4)}, {{kBatch, 1 + kKept, 3}}, {&mask});
  expect_gradients([](Tape& t, const auto& in) { return drop_class_row(t, in[0]); }, {random_values(24, 4)},
                   {{2, 4, 3}}, {});
}

TEST(MaskedOps, GradientsOfPositionsMatch) {
  const Tensor time = test::in_double(random_values(2 * 3, 9), {2, 3});
  const auto add = [&](Tape& t, const auto& in) { return add_positions(t, in[0], in[1], time, 1); };
  expect_gradients(add, {random_values(2 * 5 * 3, 1), random_values(6, 2)}, {{2, 5, 3}, {2, 3}}, {});
}

TEST(MaskedOps, GradientsOfAttentionMatch) {
  const Shape s{2, 6, 4};
  const std::vector<Values> qkv{random_values(48, 1), random_values(48, 2), random_values(48, 3)};
  expect_gradients([](Tape& t, const auto& in) { return attention(t, in[0], in[1], in[2], 2); }, qkv, {s, s, s}, {});
}

// The largest column sum lies in one sample and head: its gradient reaches the others too.
TEST(MaskedOps, GradientsOfAttentionByLandmarksMatch) {
  const Shape s{2, 6, 4};
  const std::vector<Values> qkv{random_values(48, 1), random_values(48, 2), random_values(48, 3)};
  expect_gradients([](Tape& t, const auto& in) { return landmark_attention(t, in[0], in[1], in[2], 2, 3); }, qkv,
                   {s, s, s}, {});
}

TEST(MaskedOps, GradientsOfImagesMatch) {
  const kernels::Canvas canvas{3, 5, 9, 3, 5}, blank{3, 5, 9, 3, 4};
  const Tensor rows = numbers({2, 0, 1}, {3});
  for (const kernels::Canvas& c : {canvas, blank}) {
    expect_gradients([&](Tape& t, const auto& in) { return canvas_patches(t, in[0], rows, c, 2.5); },
                     {random_values(30, 1)}, {{2, 3, 5}}, {});
    expect_gradients([&](Tape& t, const auto& in) { return canvas_pixels(t, in[0], rows, c); },
                     {random_values(2 * 9 * 27, 1)}, {{2, 9, 27}}, {});
  }
}

TEST(MaskedOps, GradientsOfTheHiddenLossMatch) {
  const Tensor target = test::in_double(random_values(12, 5), {2, 2, 3}), weights = test::in_double({0.5, 0.25}, {2});
  const Tensor hidden = numbers({1, 0, 1, 1, 1, 0, 0, 0, 0, 1, 1, 0}, {2, 2, 3});
  for (const bool absolute : {false, true})
    expect_gradients([&](Tape& t, const auto& in) { return hidden_loss(t, in[0], target, hidden, weights, absolute); },
                     {random_values(12, 6)}, {{2, 2, 3}}, {});
  expect_gradients([](Tape& t, const auto& in) { return tanh(t, in[0]); }, {random_values(5, 1)}, {{5}}, {});
}

TEST(MaskedOps, ReconstructionErrorCountsHiddenValuesOnly) {
  const Tensor hidden = numbers({1, 0, 0, 1}, {1, 2, 2}), target = test::in_double({0, 0, 0, 0}, {1, 2, 2});
  const Tensor weight = test::in_double({0.5}, {1});
  Tape tape;
  const Var y(test::in_double({3, 100, 100, -1}, {1, 2, 2}));
  EXPECT_EQ(hidden_loss(tape, y, target, hidden, weight, false).value().to_host(), Values{5});
  EXPECT_EQ(hidden_loss(tape, y, target, hidden, weight, true).value().to_host(), Values{2});
}

TEST(MaskedOps, TokensComeInTheOrderAndGoBack) {
  Parameter cls = parameter({1, 1, 1}, 1), mask = parameter({1, 1, 1}, 2);
  cls.value = test::in_double({-1}, {1, 1, 1});
  mask.value = test::in_double({-2}, {1, 1, 1});
  Tape tape;
  const Var tokens(test::in_double({0, 1, 2, 3, 4, 10, 11, 12, 13, 14}, {2, 5, 1}));
  const Var kept = keep_tokens(tape, tokens, cls, {}, order(), restore(), kKept);
  EXPECT_EQ(kept.value().to_host(), (Values{-1, 3, 0, 4, -1, 11, 12, 10}));
  EXPECT_EQ(restore_tokens(tape, kept, mask, order(), restore()).value().to_host(),
            (Values{-1, 0, -2, -2, 3, 4, -1, 10, 11, 12, -2, -2}));
}

TEST(MaskedOps, ImagesAreCentredOnTheCanvasAndCutInPatches) {
  const kernels::Canvas canvas{2, 2, 4, 2, 2};  // one pixel of padding around
  const Tensor rows = numbers({1, 0}, {2});
  Tape tape;
  const Var patches = canvas_patches(tape, Var(test::in_double({1, 2, 3, 4}, {1, 2, 2})), rows, canvas, 0.5);
  const Values found = patches.value().to_host();
  const Values first(found.begin(), found.begin() + 12);  // the top left patch, three equal channels
  EXPECT_EQ(first, (Values{-1, -1, -1, 6, -1, -1, -1, 6, -1, -1, -1, 6}));
  const Values last(found.end() - 4, found.end());
  EXPECT_EQ(last, (Values{4, -1, -1, -1}));
}

TEST(MaskedOps, DropoutKeepsItsRateAndItsGradientTheSameElements) {
  constexpr std::int64_t kCount = 40001;
  const Tensor keys = numbers({3, 4, 5, 4}, {2, 2});
  const Values ones(2 * kCount, 1.0);
  Tape tape;
  const Var x(test::in_double(ones, {2, kCount}), true);
  const Var y = dropout(tape, x, keys, 9, 0.25);
  const Values kept = y.value().to_host();
  double sum = 0;
  for (const double v : kept) sum += v;
  // Each is 0 or 4/3: the mean's standard deviation is sqrt(1/3) / sqrt(count).
  EXPECT_NEAR(sum / (2 * kCount), 1.0, 5 * std::sqrt(1.0 / 3 / (2 * kCount)));
  EXPECT_NE(Values(kept.begin(), kept.begin() + kCount), Values(kept.begin() + kCount, kept.end()));
  tape.backward(y, test::in_double(ones, {2, kCount}));
  EXPECT_EQ(x.gradient().take().to_host(), kept);
  // The draw of an element is that of the generator with this key and stream.
  const auto words = Philox::generate({3, 5}, {1, 9, 0, 0});
  for (std::size_t k = 0; k < 4; ++k) EXPECT_EQ(kept[4 + k] == 0, words[k] < (1u << 30)) << k;
  Tape other;
  EXPECT_NE(dropout(other, x, keys, 10, 0.25).value().to_host(), kept);
}

// Every operation in fp32 and bf16 against double, from the same rounded inputs.
TEST(MaskedOps, NarrowTypesFollowDouble) {
  const Tensor o = order(), r = restore(), rows = numbers({2, 0, 1}, {3}), keys = numbers({3, 4, 5, 4}, {2, 2});
  for (const DType type : {DType::kF32, DType::kBf16}) {
    const DType master = master_of(type);
    const double u = type == DType::kBf16 ? 0x1p-8 : 0x1p-23;
    const auto compare = [&](const Operation& f, const Shape& shape, const char* what) {
      const Tensor narrow = test::tensor_of(random_values(shape.count(), 3), shape, DType::kF32).to(type);
      Tape tape, wide;
      const Var x(narrow, true), exact(test::in_double(narrow.to_host(), shape), true);
      const Var y = f(tape, {x}), want = f(wide, {exact});
      const Values found = y.value().to_host(), expected = want.value().to_host();
      ASSERT_EQ(found.size(), expected.size()) << what;
      for (std::size_t i = 0; i < found.size(); ++i)
        ASSERT_NEAR(found[i], expected[i], 4 * u * (1 + std::abs(expected[i]))) << what << i;
      tape.backward(y, Tensor(y.value()).clone());
      wide.backward(want, want.value().clone());
      const Values g = x.gradient().take().to_host(), g_expected = exact.gradient().take().to_host();
      for (std::size_t i = 0; i < g.size(); ++i)
        ASSERT_NEAR(g[i], g_expected[i], 16 * u * (1 + std::abs(g_expected[i]))) << what << " gradient " << i;
    };
    Parameter cls = parameter({1, 1, 3}, 1, type), cls64 = parameter({1, 1, 3}, 1);
    const auto pick = [](const Var& x, Parameter& narrow, Parameter& wide) -> Parameter& {
      return x.dtype() == DType::kF64 ? wide : narrow;
    };
    compare([&](Tape& t, const auto& in) { return keep_tokens(t, in[0], pick(in[0], cls, cls64), {}, o, r, kKept); },
            {2, 5, 3}, "keep");
    compare([&](Tape& t, const auto& in) { return restore_tokens(t, in[0], pick(in[0], cls, cls64), o, r); }, {2, 4, 3},
            "restore");
    const Values table = random_values(6, 2);
    compare(
        [&](Tape& t, const auto& in) {
          const DType of_table = in[0].dtype() == DType::kF64 ? DType::kF64 : master;
          return add_positions(t, in[0], Var(test::tensor_of(table, {2, 3}, of_table)), {}, 0);
        },
        {2, 2, 3}, "positions");
    compare([&](Tape& t, const auto& in) { return dropout(t, in[0], keys, 1, 0.5); }, {2, 9}, "dropout");
    compare(
        [&](Tape& t, const auto& in) {
          return canvas_patches(t, in[0], rows, {3, 5, 9, 3, 5}, 2.5);
        },
        {2, 3, 5}, "patches");
  }
}

}  // namespace
}  // namespace brainmt::autograd
