// The loss of a batch with several targets and missing labels, against a case worked out by hand.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "train/step_buffers.hpp"

namespace brainmt::train {
namespace {

using kernels::Loss;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

LossValues loss_of(const Tensor& output, const std::vector<float>& targets, const std::vector<float>& weights,
                   const std::vector<Loss>& kinds) {
  const std::vector<float> rows = label_rows(targets, weights, kinds);
  const auto row_count = static_cast<std::int64_t>(rows.size()) / output.count();
  return train::loss_of(output, Tensor::from_host(rows, {row_count, output.count()}, DType::kF32), kinds);
}

TEST(LossOf, RegressionAndClassificationWithMissingLabels) {
  // Three samples, two targets: a regression with weight 2 that two samples have, classes with weight 0.5 that two
  // have.
  const Tensor output = Tensor::from_host(std::vector<float>{1.5f, 0.0f, -1.0f, 2.0f, 3.0f, 7.0f}, {3, 2}, DType::kF32);
  const std::vector<float> targets{1.0f, 1.0f, 0.5f, 0.0f, kNan, kNan};
  const std::vector<float> weights{2.0f / 2, 0.5f / 2, 2.0f / 2, 0.5f / 2, 0, 0};
  const LossValues values = loss_of(output, targets, weights, {Loss::kMse, Loss::kBceWithLogits});
  const std::vector<double> loss = values.loss.to_host(), gradient = values.gradient.to_host();
  ASSERT_EQ(values.gradient.shape(), (Shape{3, 2}));
  const double sigmoid = 1 / (1 + std::exp(-2.0));
  const std::vector<double> expected_loss{
      0.25, 0.25 * std::log(2.0), 2.25, 0.25 * (2.0 + std::log1p(std::exp(-2.0))), 0, 0};
  const std::vector<double> expected_gradient{2 * 0.5, 0.25 * (0.5 - 1), 2 * -1.5, 0.25 * sigmoid, 0, 0};
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_NEAR(loss[i], expected_loss[i], 1e-6) << i;
    EXPECT_NEAR(gradient[i], expected_gradient[i], 1e-6) << i;
  }
}

TEST(LossOf, TargetsOfOneKindTakeOnePassWithTheSameBits) {
  const std::vector<float> targets{0.3f, -0.7f, 1.1f, 0.2f}, weights{0.25f, 0.25f, 0.25f, 0.25f};
  const std::vector<float> outputs{0.1f, 0.2f, 0.3f, -0.4f};
  const Tensor wide = Tensor::from_host(outputs, {2, 2}, DType::kF32), tall = wide.reshape({4, 1});
  const auto two = loss_of(wide, targets, weights, {Loss::kMse, Loss::kMse});
  const auto one = loss_of(tall, targets, weights, {Loss::kMse});
  EXPECT_EQ(two.loss.to_host(), one.loss.to_host());
  EXPECT_EQ(two.gradient.to_host(), one.gradient.to_host());
}

}  // namespace
}  // namespace brainmt::train
