// BrainLM beyond the golden files: published sizes, kept tokens, masks and dropout as functions of (seed, step, sample),
// gradients against central differences with odd sizes, absolute loss, tanh and dropout, recomputation, hidden frames.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "autograd/masked_ops.hpp"
#include "models/brainlm_vitmae.hpp"
#include "support/double_tensor.hpp"
#include "support/expect_error.hpp"

namespace brainmt::models {
namespace {

using autograd::Tape;
using autograd::Var;
using Values = std::vector<double>;

std::vector<std::array<double, 3>> some_xyz(std::size_t parcels) {
  std::vector<std::array<double, 3>> xyz;
  for (std::size_t v = 0; v < parcels; ++v)
    xyz.push_back({0.3 * static_cast<double>(v) - 1, 0.5 * static_cast<double>(v % 3), 0.1 * static_cast<double>(v)});
  return xyz;
}

BrainLmConfig small_parcels() {
  return {.xyz = some_xyz(7),
          .frames = 12,
          .patch_frames = 4,
          .embed_dim = 12,
          .depth = {2, 1},
          .num_heads = {3, 2},
          .ffn = {10, 14},
          .filter_taps = 5,
          .dropout = 0.2,
          .hidden_dropout = 0.3,
          .mask_ratio = 0.6,
          .absolute_loss = true,
          .tanh_decoder = true};
}

BrainLmVitMaeConfig small_images() {
  return {.xyz = some_xyz(5),
          .frames = 7,
          .image_size = 15,
          .patch_size = 5,
          .width = {8, 12},
          .depth = {1, 1},
          .num_heads = {2, 3},
          .ffn = {10, 6},
          .mask_ratio = 0.5,
          .scale = 1.5};
}

Tensor random_series(const Model& model, std::int64_t batch) {
  Philox random(3, 1);
  Values values(static_cast<std::size_t>(model.input_shape(batch).count()));
  for (double& v : values) v = random.uniform(-1.0, 1.0);
  return test::in_double(values, model.input_shape(batch));
}

Pass training_pass(std::vector<std::int64_t> samples) {
  return {.training = true, .seed = 5, .step = 3, .samples = std::move(samples), .want = kReconstruction};
}

Var loss_of(Tape& tape, Model& model, const Tensor& x, const Pass& pass) {
  const Output out = model.forward(tape, Var(x), pass);
  const Tensor weights = test::in_double(Values(static_cast<std::size_t>(x.shape()[0]), 0.1), {x.shape()[0]});
  return autograd::hidden_loss(tape, out.reconstruction, out.target, out.hidden, weights, out.absolute_error);
}

void expect_gradients_match(Model& model) {
  model.initialise(4);
  const Tensor x = random_series(model, 2);
  const Pass pass = training_pass({0, 1});
  const auto loss = [&] {
    Tape tape(Tape::Mode::kForget);
    double sum = 0;
    for (const double term : loss_of(tape, model, x, pass).value().to_host()) sum += term;
    return sum;
  };
  Tape tape;
  model.parameters().zero_grads();
  const Var terms = loss_of(tape, model, x, pass);
  tape.backward(terms, test::in_double({1, 1}, terms.shape()));
  constexpr double kStep = 1e-6;
  for (nn::Parameter& p : model.parameters().all()) {
    const Values gradient = p.grad.to_host();
    for (std::size_t i = 0; i < gradient.size(); i += 1 + gradient.size() / 5) {
      double& value = p.value.data<double>()[i];
      const double kept = value;
      value = kept + kStep;
      const double above = loss();
      value = kept - kStep;
      const double below = loss();
      value = kept;
      const double slope = (above - below) / (2 * kStep);
      EXPECT_NEAR(gradient[i], slope, 1e-7 * std::max(1.0, std::abs(slope))) << p.name << " " << i;
    }
  }
}

TEST(BrainLm, GradientsMatchCentralDifferences) {
  BrainLm model(small_parcels(), DType::kF64);
  expect_gradients_match(model);
  BrainLmConfig by_landmarks = small_parcels();
  by_landmarks.mask_ratio = 0;  // then as many rows in the encoder as in the decoder
  by_landmarks.landmarks = 11;
  by_landmarks.landmark_tokens = 22;
  BrainLm other(by_landmarks, DType::kF64);
  other.initialise(1);
  Tape tape(Tape::Mode::kForget);
  EXPECT_NO_THROW(other.forward(tape, Var(random_series(other, 1)), {.want = kTokens}));
}

TEST(BrainLm, GradientsOfTheImageVariantMatchCentralDifferences) {
  for (const Hide hide : {Hide::kNoise, Hide::kLast, Hide::kLastPixel}) {
    BrainLmVitMaeConfig config = small_images();
    config.hide = hide;
    config.norm_pixels = hide == Hide::kLast;
    BrainLmVitMae model(config, DType::kF64);
    expect_gradients_match(model);
  }
}

TEST(BrainLm, RecomputationGivesTheSameBits) {
  BrainLmConfig config = small_parcels();
  const auto gradients = [&](bool recompute) {
    config.recompute = recompute;
    BrainLm model(config, DType::kF64);
    model.initialise(4);
    Tape tape;
    const Var terms = loss_of(tape, model, random_series(model, 2), training_pass({0, 1}));
    tape.backward(terms, test::in_double({1, 1}, terms.shape()));
    return model.parameters().grads().to_host();
  };
  EXPECT_EQ(gradients(false), gradients(true));
}

TEST(BrainLm, KeptTokensAreTruncatedInDouble) {
  EXPECT_EQ(kept_tokens(4240, 0.9), 423);
  EXPECT_EQ(kept_tokens(4240, 0.8), 847);
  EXPECT_EQ(kept_tokens(4240, 0.2), 3392);
  EXPECT_EQ(kept_tokens(729, 0.75), 182);
}

TEST(BrainLm, TiesOfTheNoiseAreBrokenByIndex) {
  const std::vector<float> noise{0.5f, 0.25f, 0.5f, 0.25f, 0.0f};
  EXPECT_EQ(orders_of(noise, 5), (TokenOrders{{4, 1, 3, 0, 2}}));
}

TEST(BrainLm, MasksDependOnSeedStepAndSampleOnly) {
  const BrainLm model(small_parcels(), DType::kF32, Model::Memory::kSizesOnly);
  const Pass both = training_pass({4, 9});
  Pass one = training_pass({9}), later = both, fixed = both;
  later.step = 4;
  const std::vector<float> rows = model.draws(both), alone = model.draws(one);
  for (std::size_t i = 0; i < alone.size(); ++i) EXPECT_EQ(rows[2 * i + 1], alone[i]);
  EXPECT_NE(model.draws(later), rows);
  fixed.training = false;
  const std::vector<float> of_validation = model.draws(fixed);
  fixed.step = 77;
  EXPECT_EQ(model.draws(fixed), of_validation);
  EXPECT_EQ(of_validation.size(), 2u * 2u * 21u);  // no keys of dropout
}

TEST(BrainLm, HiddenValuesAreCounted) {
  const auto expect_counted = [](Model& model) {
    model.initialise(1);
    const Pass pass = training_pass({3, 8});
    Tape tape(Tape::Mode::kForget);
    const Values hidden = model.forward(tape, Var(random_series(model, 2)), pass).hidden.to_host();
    const auto half = hidden.begin() + std::ssize(hidden) / 2;
    EXPECT_EQ(model.hidden_values(pass),
              (Values{std::accumulate(hidden.begin(), half, 0.0), std::accumulate(half, hidden.end(), 0.0)}));
  };
  BrainLm parcels(small_parcels(), DType::kF64);
  expect_counted(parcels);
  for (const Hide hide : {Hide::kNoise, Hide::kLast, Hide::kLastPixel}) {
    BrainLmVitMaeConfig config = small_images();
    config.hide = hide;
    BrainLmVitMae images(config, DType::kF64);
    expect_counted(images);
  }
}

TEST(BrainLm, TheLastFramesAreHiddenAsPublished) {
  const auto hidden_frames = [](std::int64_t image, std::int64_t patch, Hide hide) {
    BrainLmVitMaeConfig config;
    config.xyz = some_xyz(424);
    config.image_size = image;
    config.patch_size = patch;
    config.mask_ratio = 0.2;
    config.hide = hide;
    const BrainLmVitMae model(config, DType::kF32, Model::Memory::kSizesOnly);
    return model.hidden_values({.samples = {0}}).front() / 424;
  };
  EXPECT_EQ(hidden_frames(432, 16, Hide::kLast), 44);
  EXPECT_EQ(hidden_frames(434, 14, Hide::kLast), 51);
  EXPECT_EQ(hidden_frames(432, 16, Hide::kLastPixel), 40);
  EXPECT_EQ(hidden_frames(434, 14, Hide::kLastPixel), 40);
}

TEST(BrainLm, PublishedSizesHaveThePublishedParameters) {
  BrainLmConfig parcels;
  parcels.xyz = some_xyz(424);
  EXPECT_EQ(BrainLm(parcels, DType::kF32, Model::Memory::kSizesOnly).parameters().element_count(),
            13'035'308 + 393'984);
  const BrainLm full(parcels, DType::kF32, Model::Memory::kSizesOnly);
  EXPECT_NEAR(full.cost(1).forward_flops, 265e9, 2e9);
  EXPECT_NEAR(full.cost(1).training_flops, 795e9, 6e9);
  parcels.embed_dim = 256;
  EXPECT_EQ(BrainLm(parcels, DType::kF32, Model::Memory::kSizesOnly).parameters().element_count(), 4'850'348 + 197'376);
  BrainLmVitMaeConfig images;
  images.xyz = some_xyz(424);
  const BrainLmVitMae small(images, DType::kF32, Model::Memory::kSizesOnly);
  EXPECT_EQ(small.parameters().element_count(), 111'655'680);
  EXPECT_EQ(small.data_tokens().size(), 351u);
  EXPECT_NEAR(small.cost(1).forward_flops, 79e9, 1e9);
}

TEST(BrainLm, ImpossibleSizesAreRefused) {
  const auto refused = [](auto config, const auto& change, const std::string& word) {
    change(config);
    test::expect_error<UsageError>([&] { checked(config); }, {word});
  };
  refused(
      small_parcels(), [](auto& c) { c.xyz.clear(); }, "coordinates");
  refused(
      small_parcels(), [](auto& c) { c.xyz[2][1] = std::nan(""); }, "parcel 2");
  refused(
      small_parcels(), [](auto& c) { c.frames = 13; }, "model.patch_frames=4");
  refused(
      small_parcels(), [](auto& c) { c.filter_taps = 4; }, "model.filter_taps=4");
  refused(
      small_parcels(), [](auto& c) { c.mask_ratio = 0.98; }, "hides all");
  refused(
      small_images(), [](auto& c) { c.frames = 8; }, "even number of pixels");
  refused(
      small_images(),
      [](auto& c) {
        c.width = {8, 10};
      },
      "multiples of 4");
}

}  // namespace
}  // namespace brainmt::models
