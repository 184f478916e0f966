// BrainMT beyond the golden sizes: parameter counts of the paper, odd sizes, precision, randomness.
#include "models/brainmt.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/philox.hpp"

namespace brainmt::models {
namespace {

using autograd::Tape;
using autograd::Var;

BrainMTConfig tiny() {
  BrainMTConfig c;
  c.grid = {9, 11, 7};
  c.frames = 5;
  c.embed_dim = 16;
  c.depth = {2, 2};
  return c;
}

Tensor random_input(const BrainMTConfig& c, std::int64_t batch, DType dtype) {
  const Shape shape{batch, c.frames, c.grid[1], c.grid[0], c.grid[2]};
  std::vector<float> values(static_cast<std::size_t>(shape.count()));
  Philox random(7, 0);
  for (float& v : values) v = static_cast<float>(random.normal());
  return Tensor::from_host(values, shape, dtype);
}

struct Result {
  std::vector<double> output, gradients;
};

Result run(BrainMT& model, const Tensor& x, const Pass& context) {
  model.parameters().zero_grads();
  Tape tape;
  const Output out = model.forward(tape, Var(x), context);
  const std::vector<float> ones(static_cast<std::size_t>(out.prediction.value().count()), 1.0f);
  tape.backward(out.prediction, Tensor::from_host(ones, out.prediction.shape(), out.prediction.dtype()));
  return {out.prediction.value().to_host(), model.parameters().grads().to_host()};
}

double relative(const std::vector<double>& a, const std::vector<double>& b) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < b.size(); ++i) difference += std::pow(a[i] - b[i], 2), norm += b[i] * b[i];
  return std::sqrt(difference / norm);
}

TEST(BrainMT, DefaultSizesHaveThePublishedParameterCount) {
  BrainMTConfig c;
  c.bidirectional = false;
  EXPECT_EQ(BrainMT(c, DType::kF32).parameters().element_count(), 39'104'961);
  EXPECT_EQ(BrainMT(c, DType::kF32).tokens(), 50'401);
}

TEST(BrainMT, ImpossibleSizesAreRefused) {
  BrainMTConfig c = tiny();
  c.embed_dim = 20;
  EXPECT_THROW(BrainMT(c, DType::kF32), UsageError);
  c = tiny();
  c.num_heads = 3;
  EXPECT_THROW(BrainMT(c, DType::kF32), UsageError);
}

TEST(BrainMT, Fp32AndBf16FollowTheOracleInDouble) {
  // bf16 keeps 8 bits; through 2 + 2 blocks and 8 convolutions the output's error stays within a few of its steps.
  const std::pair<DType, double> cases[] = {{DType::kF32, 2e-4}, {DType::kBf16, 16 * 0x1p-8}};
  for (const bool two_way : {true, false}) {
    BrainMTConfig c = tiny();
    c.bidirectional = two_way;
    BrainMT oracle(c, DType::kF64);
    oracle.initialise(3);
    const Result expected = run(oracle, random_input(c, 2, DType::kF64), {});
    for (const auto& [dtype, bound] : cases) {
      BrainMT model(c, dtype);
      model.initialise(3);
      const Result found = run(model, random_input(c, 2, dtype), {});
      EXPECT_LE(relative(found.output, expected.output), bound) << name_of(dtype);
      EXPECT_LE(relative(found.gradients, expected.gradients), bound) << name_of(dtype);
    }
  }
}

TEST(BrainMT, SizesOfOneAndMissingStagesRun) {
  for (const std::array<int, 2> depth : {std::array{0, 2}, std::array{2, 0}, std::array{1, 1}}) {
    BrainMTConfig c = tiny();
    c.grid = {1, 2, 33};
    c.frames = 1;
    c.depth = depth;
    BrainMT model(c, DType::kF32);
    model.initialise(1);
    const Result pass = run(model, random_input(c, 3, DType::kF32), {});
    for (double v : pass.gradients) ASSERT_TRUE(std::isfinite(v));
  }
}

TEST(BrainMT, InitialValuesDependOnSeedAndNameOnly) {
  BrainMTConfig one_way = tiny();
  one_way.bidirectional = false;
  BrainMT a(tiny(), DType::kF32), b(one_way, DType::kF32), c(tiny(), DType::kF32);
  a.initialise(5);
  b.initialise(5);
  c.initialise(6);
  const std::string name = "layers.1.mixer.in_proj.weight";
  EXPECT_EQ(a.parameters().find(name)->value.to_host(), b.parameters().find(name)->value.to_host());
  EXPECT_NE(a.parameters().find(name)->value.to_host(), c.parameters().find(name)->value.to_host());
}

TEST(BrainMT, WeightDecaySparesBiasesNormsAndTables) {
  BrainMT model(tiny(), DType::kF32);
  for (const nn::Parameter& p : model.parameters().all()) {
    const bool spared = p.shape.rank() == 1 || p.name.ends_with("A_log") || p.name.ends_with("A_b_log") ||
                        p.name == "cls_token" || p.name == "pos_embed" || p.name == "temporal_pos_embedding";
    EXPECT_EQ(p.decay, !spared) << p.name;
  }
}

TEST(BrainMT, DropPathDependsOnStepAndSampleAndSurvivesRecomputation) {
  BrainMTConfig c = tiny();
  c.drop_path = 0.5;
  const Tensor x = random_input(c, 2, DType::kF32);
  Pass context{.training = true, .seed = 11, .step = 4, .samples = {8, 9}};
  BrainMT model(c, DType::kF32);
  model.initialise(1);
  const Result first = run(model, x, context);
  EXPECT_EQ(first.output, run(model, x, context).output);

  c.recompute = true;
  BrainMT again(c, DType::kF32);
  again.initialise(1);
  EXPECT_EQ(first.gradients, run(again, x, context).gradients);

  bool differs = false;
  for (context.step = 5; context.step < 15; ++context.step) differs |= run(model, x, context).output != first.output;
  EXPECT_TRUE(differs);
  context.training = false;
  const Result evaluation = run(model, x, context);
  context.step = 0;
  EXPECT_EQ(evaluation.output, run(model, x, context).output);
}

TEST(BrainMT, TwoRunsGiveTheSameBits) {
  BrainMT model(tiny(), DType::kF32);
  model.initialise(2);
  const Tensor x = random_input(tiny(), 2, DType::kF32);
  const Result first = run(model, x, {}), second = run(model, x, {});
  EXPECT_EQ(first.output, second.output);
  EXPECT_EQ(first.gradients, second.gradients);
}

}  // namespace
}  // namespace brainmt::models
