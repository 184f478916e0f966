// AdamW over a store against the update rule written out by hand in double, decay groups, layer-wise rates, clipping.
#include "nn/optimizer.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace brainmt::nn {
namespace {

constexpr double kLr = 0.01;

// Two parameters: a matrix that decays in layer 0 and a bias that does not in layer 2.
nn::ParameterStore make_store(DType activation = DType::kF64) {
  nn::ParameterStore store(activation);
  store.declare("weight", {2, 3}, true, 0, nn::Initialiser{});
  store.declare("bias", {3}, false, 2, nn::Initialiser{});
  store.allocate();
  return store;
}

void set(const Tensor& target, const std::vector<float>& values) {
  target.copy_from(Tensor::from_host(values, target.shape(), DType::kF32));
}

void fill(nn::ParameterStore& store) {
  set(store.all()[0].value, {1, -2, 3, 0.5, 0, -1});
  set(store.all()[1].value, {0.25, -0.5, 4});
  set(store.all()[0].grad, {0.5, -1, 2, 0, 0.25, -3});
  set(store.all()[1].grad, {1, 0.125, -0.5});
  store.refresh_compute();
}

// `steps` updates of one element with a constant gradient.
double by_hand(double p, double g, double lr, double decay, const AdamWSettings& s, int steps) {
  double m = 0, v = 0;
  for (int t = 1; t <= steps; ++t) {
    p *= 1 - lr * decay;
    m = s.beta1 * m + (1 - s.beta1) * g;
    v = s.beta2 * v + (1 - s.beta2) * g * g;
    const double m_hat = m / (1 - std::pow(s.beta1, t)), v_hat = v / (1 - std::pow(s.beta2, t));
    p -= lr * m_hat / (std::sqrt(v_hat) + s.eps);
  }
  return p;
}

TEST(AdamW, FollowsTheFormulaOverSeveralSteps) {
  nn::ParameterStore store = make_store();
  fill(store);
  const auto weight = store.all()[0].value.to_host(), weight_grad = store.all()[0].grad.to_host();
  const auto bias = store.all()[1].value.to_host(), bias_grad = store.all()[1].grad.to_host();
  const AdamWSettings settings{.weight_decay = 0.1};
  AdamW optimizer(store, settings);
  for (int t = 0; t < 3; ++t) optimizer.step(kLr, optimizer.gradient_norm());

  EXPECT_EQ(optimizer.updates(), 3);
  // In double the two differ by the rounding of a few operations per step only.
  for (std::size_t i = 0; i < weight.size(); ++i)
    EXPECT_NEAR(store.all()[0].value.to_host()[i], by_hand(weight[i], weight_grad[i], kLr, 0.1, settings, 3), 1e-13);
  for (std::size_t i = 0; i < bias.size(); ++i)
    EXPECT_NEAR(store.all()[1].value.to_host()[i], by_hand(bias[i], bias_grad[i], kLr, 0.0, settings, 3), 1e-13);
}

TEST(AdamW, LayerDecayScalesEarlierLayers) {
  nn::ParameterStore store = make_store();
  fill(store);
  const double before = store.all()[0].value.to_host()[0], gradient = store.all()[0].grad.to_host()[0];
  const AdamWSettings settings{.weight_decay = 0.1, .layer_decay = 0.5};
  AdamW optimizer(store, settings);
  optimizer.step(kLr, optimizer.gradient_norm());
  // Layer 0 of 0..2: two powers of the decay.
  EXPECT_NEAR(store.all()[0].value.to_host()[0], by_hand(before, gradient, kLr * 0.25, 0.1, settings, 1), 1e-13);
}

TEST(AdamW, NormCoversAllParametersAndClippingScalesByIt) {
  nn::ParameterStore store = make_store();
  fill(store);
  double squares = 0;
  for (const auto& p : store.all())
    for (const double g : p.grad.to_host()) squares += g * g;
  const AdamWSettings settings{.eps = 0.1, .weight_decay = 0.0, .clip_norm = 0.5};  // a large eps shows the scale
  AdamW optimizer(store, settings);
  const double norm = optimizer.gradient_norm();
  EXPECT_NEAR(norm, std::sqrt(squares), 1e-14 * norm);

  const double before = store.all()[1].value.to_host()[0], gradient = store.all()[1].grad.to_host()[0];
  optimizer.step(kLr, norm);
  EXPECT_NEAR(store.all()[1].value.to_host()[0], by_hand(before, gradient * 0.5 / norm, kLr, 0.0, settings, 1), 1e-13);
}

TEST(AdamW, SmallGradientsAreNotClipped) {
  nn::ParameterStore store = make_store();
  fill(store);
  const double before = store.all()[1].value.to_host()[0], gradient = store.all()[1].grad.to_host()[0];
  const AdamWSettings settings{.eps = 0.1, .weight_decay = 0.0, .clip_norm = 1e3};
  AdamW optimizer(store, settings);
  optimizer.step(kLr, optimizer.gradient_norm());
  EXPECT_NEAR(store.all()[1].value.to_host()[0], by_hand(before, gradient, kLr, 0.0, settings, 1), 1e-13);
}

TEST(AdamW, RenewsTheComputeCopies) {
  nn::ParameterStore store = make_store(DType::kBf16);
  fill(store);
  AdamW optimizer(store, {});
  optimizer.step(0.5, optimizer.gradient_norm());
  const nn::Parameter& p = store.all()[0];
  EXPECT_EQ(p.compute.to_host(), p.value.to(DType::kBf16).to_host());
}

}  // namespace
}  // namespace brainmt::nn
