// BrainMT without a convolution stage (model.stem=patch): gradients of the whole model by central differences in
// double, places and parameters, odd grids, chunks of frames, recomputation, types.
#include <gtest/gtest.h>

#include <cmath>

#include "base/philox.hpp"
#include "models/brainmt.hpp"

namespace brainmt::models {
namespace {

using autograd::Tape;
using autograd::Var;

// 2 x 3 x 1 places, none of whose last cubes is full.
BrainMTConfig tiny() {
  BrainMTConfig c;
  c.stem = Stem::kPatch;
  c.grid = {33, 17, 5};
  c.frames = 3;
  c.embed_dim = 8;
  c.depth = {1, 1};
  return c;
}

std::vector<float> normal_draws(std::size_t count, std::uint32_t seed) {
  std::vector<float> values(count);
  Philox random(seed, 0);
  for (float& v : values) v = static_cast<float>(random.normal());
  return values;
}

Tensor random_input(const BrainMTConfig& c, std::int64_t batch, DType dtype) {
  const Shape shape{batch, c.frames, c.grid[1], c.grid[0], c.grid[2]};
  return Tensor::from_host(normal_draws(static_cast<std::size_t>(shape.count()), 7), shape, dtype);
}

double sum_of_outputs(BrainMT& model, const Tensor& x) {
  Tape tape(Tape::Mode::kForget);
  double sum = 0;
  for (const double v : model.forward(tape, Var(x), {}).prediction.value().to_host()) sum += v;
  return sum;
}

struct Pass {
  std::vector<double> output, gradients;
  Tensor dx;
};

Pass run(BrainMT& model, const Tensor& x) {
  model.parameters().zero_grads();
  Tape tape;
  const Var input(x, true);
  const Output out = model.forward(tape, input, {});
  const std::vector<float> ones(static_cast<std::size_t>(out.prediction.value().count()), 1.0f);
  tape.backward(out.prediction, Tensor::from_host(ones, out.prediction.shape(), out.prediction.dtype()));
  return {out.prediction.value().to_host(), model.parameters().grads().to_host(), input.gradient().take()};
}

Pass run(const BrainMTConfig& c, DType dtype, std::int64_t batch = 2) {
  BrainMT model(c, dtype);
  model.initialise(3);
  return run(model, random_input(c, batch, dtype));
}

double relative(const std::vector<double>& a, const std::vector<double>& b) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < b.size(); ++i) difference += std::pow(a[i] - b[i], 2), norm += b[i] * b[i];
  return std::sqrt(difference / norm);
}

// A random direction of length 1.
std::vector<double> direction_of(std::size_t count, std::uint32_t seed) {
  const std::vector<float> draws = normal_draws(count, seed);
  std::vector<double> direction(draws.begin(), draws.end());
  double squares = 0;
  for (const double v : direction) squares += v * v;
  for (double& v : direction) v /= std::sqrt(squares);
  return direction;
}

// Slope of the sum of outputs along `direction` in the values of `at`, whose memory the model reads: by central
// differences of fourth order, and as the gradient says. RMSNorm bends on the scale of its input, 0.02 at the CLS
// token: a step of 1e-4 leaves (1e-4 / 0.02)^4 / 30 = 2e-11 of the fifth derivative, and 1e-15 / 1e-4 of rounding.
void expect_slope(BrainMT& model, const Tensor& x, const Tensor& at, const Tensor& gradient,
                  const std::vector<double>& direction, const std::string& what) {
  constexpr double kStep = 1e-4, kTolerance = 1e-9;
  auto* values = at.data<double>();
  const std::vector<double> kept(values, values + at.count());
  const auto shifted = [&](double step) {
    for (std::size_t i = 0; i < kept.size(); ++i) values[i] = kept[i] + step * direction[i];
    return sum_of_outputs(model, x);
  };
  const double near = shifted(kStep) - shifted(-kStep), far = shifted(2 * kStep) - shifted(-2 * kStep);
  std::copy(kept.begin(), kept.end(), values);
  const double difference = (8 * near - far) / (12 * kStep);
  double expected = 0;
  for (std::size_t i = 0; i < kept.size(); ++i) expected += gradient.data<double>()[i] * direction[i];
  EXPECT_NEAR(expected, difference, kTolerance * (1 + std::abs(difference))) << what;
  EXPECT_GT(std::abs(expected), 100 * kTolerance) << what << ": nothing would be seen";
}

TEST(PatchStem, EveryGradientMatchesCentralDifferences) {
  BrainMT model(tiny(), DType::kF64);
  model.initialise(3);
  const Tensor x = random_input(tiny(), 2, DType::kF64);
  const Pass pass = run(model, x);
  // A random direction in all entries of a tensor at once; another one, where the first happens to hide something.
  for (const std::uint32_t seed : {11u, 12u}) {
    for (const nn::Parameter& p : model.parameters().all())
      expect_slope(model, x, p.value, p.grad, direction_of(p.count, seed), p.name);
    expect_slope(model, x, x, pass.dx, direction_of(static_cast<std::size_t>(x.count()), seed), "voxels");
  }
  // Single entries of the projection, at corners of the cube and inside.
  const nn::Parameter& w = *model.parameters().find("patch_embed.proj.weight");
  for (const std::size_t entry : {0, 4, 16 * 4, 16 * 16, 15 * 256 + 1, 3 * 4096 + 1234, 7 * 4096 + 17}) {
    std::vector<double> direction(w.count, 0.0);
    direction[entry] = 1;
    expect_slope(model, x, w.value, w.grad, direction, fmt::format("patch_embed.proj.weight[{}]", entry));
  }
}

TEST(PatchStem, HasTheSamePlacesAndNoConvolutions) {
  for (const std::array<std::int64_t, 3> grid : {std::array<std::int64_t, 3>{91, 109, 91}, {1, 16, 17}, {32, 33, 64}}) {
    BrainMTConfig c = tiny();
    c.grid = grid;
    BrainMT patches(c, DType::kF32);
    c.stem = Stem::kConv;
    EXPECT_EQ(patches.patches(), BrainMT(c, DType::kF32).patches());
    std::int64_t cubes = 1;
    for (const std::int64_t extent : grid) cubes *= (extent + kPatchEdge - 1) / kPatchEdge;
    EXPECT_EQ(patches.patches(), cubes);
    EXPECT_EQ(patches.parameters().find("patch_embed.proj.weight")->shape, (Shape{8, 1, 16, 16, 16}));
    EXPECT_FALSE(patches.parameters().find("patch_embed.proj.bias")->decay);
    for (const nn::Parameter& p : patches.parameters().all())
      EXPECT_TRUE(!p.name.starts_with("conv_") && !p.name.starts_with("downsample")) << p.name;
  }
}

TEST(PatchStem, StartsLikeAConvolutionOfItsFanIn) {
  const auto spread = [](const std::string& init) {
    BrainMTConfig c = tiny();
    c.conv_init = init;
    BrainMT model(c, DType::kF32);
    model.initialise(3);
    double sum = 0;
    const auto values = model.parameters().find("patch_embed.proj.weight")->value.to_host();
    for (const double v : values) sum += v * v;
    return std::sqrt(sum / static_cast<double>(values.size()));
  };
  // 32,768 draws know their spread to 0.4 % (a standard deviation).
  EXPECT_NEAR(spread("he"), std::sqrt(2.0 / 4096), 0.02 * std::sqrt(2.0 / 4096));
  EXPECT_NEAR(spread("kaiming_uniform"), std::sqrt(1.0 / (3 * 4096)), 0.02 * std::sqrt(1.0 / (3 * 4096)));
}

TEST(PatchStem, ChunksAndRecomputationChangeNothing) {
  BrainMTConfig c = tiny();
  const Pass whole = run(c, DType::kF64);
  for (const std::int64_t chunk : {1, 2}) {
    for (const bool recompute : {false, true}) {
      c.frame_chunk = chunk;
      c.recompute = recompute;
      const Pass pass = run(c, DType::kF64);
      EXPECT_EQ(pass.output, whole.output);
      // Gradients of the projection are sums over frames in another order.
      EXPECT_LE(relative(pass.gradients, whole.gradients), 100 * 0x1p-53);
    }
  }
}

TEST(PatchStem, VoxelsBeyondTheGridAreZeros) {
  BrainMTConfig small = tiny(), large = tiny();
  large.grid = {48, 32, 16};
  BrainMT model(small, DType::kF64), padded(large, DType::kF64);
  model.initialise(3);
  padded.initialise(3);
  const Tensor x = random_input(small, 1, DType::kF64);
  const Tensor zeros = Tensor::zeros({1, large.frames, large.grid[1], large.grid[0], large.grid[2]}, DType::kF64);
  for (std::int64_t t = 0; t < small.frames; ++t)
    for (std::int64_t i = 0; i < small.grid[1]; ++i)
      for (std::int64_t j = 0; j < small.grid[0]; ++j)
        for (std::int64_t k = 0; k < small.grid[2]; ++k)
          zeros.data<double>()[((t * large.grid[1] + i) * large.grid[0] + j) * large.grid[2] + k] =
              x.data<double>()[((t * small.grid[1] + i) * small.grid[0] + j) * small.grid[2] + k];
  EXPECT_EQ(run(model, x).output, run(padded, zeros).output);
}

TEST(PatchStem, Fp32AndBf16FollowTheOracleInDouble) {
  // bf16 keeps 8 bits; through one projection and 1 + 1 blocks the error stays within a few of its steps.
  const std::pair<DType, double> cases[] = {{DType::kF32, 2e-4}, {DType::kBf16, 16 * 0x1p-8}};
  const Pass expected = run(tiny(), DType::kF64);
  for (const auto& [dtype, bound] : cases) {
    const Pass found = run(tiny(), dtype);
    EXPECT_LE(relative(found.output, expected.output), bound) << name_of(dtype);
    EXPECT_LE(relative(found.gradients, expected.gradients), bound) << name_of(dtype);
    EXPECT_LE(relative(found.dx.to_host(), expected.dx.to_host()), bound) << name_of(dtype);
    EXPECT_EQ(found.gradients, run(tiny(), dtype).gradients) << "two runs give the same bits";
  }
}

}  // namespace
}  // namespace brainmt::models
