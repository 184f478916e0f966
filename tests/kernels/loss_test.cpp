// Losses: derivatives by differences, kernels against the oracle, missing labels and extreme logits.
#include "kernels/loss.hpp"

#include <limits>

#include "kernel_test_support.hpp"
#include "kernels/ref/loss.hpp"

namespace brainmt::kernels {
namespace {

template <class Formula>
void expect_slope_of() {
  Values output = random_values(40, 1, 3.0), doutput(40);
  const Values target = random_values(40, 2);
  for (std::size_t i = 0; i < 40; ++i) doutput[i] = Formula::slope(output[i], target[i]);
  const auto loss = [&] {
    double sum = 0;
    for (std::size_t i = 0; i < 40; ++i) sum += Formula::value(output[i], target[i]);
    return sum;
  };
  expect_gradient(loss, output, doutput, "doutput");
}

TEST(LossOracle, SlopesMatchCentralDifferences) {
  expect_slope_of<ref::Mse>();
  expect_slope_of<ref::BceWithLogits>();
}

template <class M>
class Losses : public testing::Test {
 protected:
  struct Result {
    Values loss, doutput;
  };
  static Result run(const Values& output, const Values& target, const Values& weight, Loss kind) {
    Buffer<M> loss(output.size()), doutput(output.size());
    const Buffer<M> o(output), y(target), w(weight), kinds(Values{code_of<double>(kind)});
    const Buffer<M> ones(Values(output.size(), 1.0));
    loss_fwd<M>(Exec(), loss.flat(), o.in(), y.in(), w.in(), kinds.in());
    loss_bwd<M>(Exec(), doutput.flat(), ones.in(), o.in(), y.in(), w.in(), kinds.in());
    return {loss.values(), doutput.values()};
  }
};
using MasterTypes = testing::Types<float, double>;
TYPED_TEST_SUITE(Losses, MasterTypes);

TYPED_TEST(Losses, HandComputedValues) {
  const double log2 = std::log(2.0), u = 4 * roundoff<TypeParam>();
  const auto mse = this->run({3, -1}, {1, 1}, {1, 0.25}, Loss::kMse);
  EXPECT_EQ(mse.loss, (Values{4, 1}));
  EXPECT_EQ(mse.doutput, (Values{4, -1}));
  const auto bce = this->run({0, 0}, {1, 0}, {1, 0.5}, Loss::kBceWithLogits);
  expect_close(bce.loss, {log2, 0.5 * log2}, 0, u, "loss");
  expect_close(bce.doutput, {-0.5, 0.25}, 0, u, "doutput");
}

TYPED_TEST(Losses, MissingLabelsCountNothingEvenWhenNaN) {
  const double nan = std::nan("");
  for (Loss kind : {Loss::kMse, Loss::kBceWithLogits}) {
    const auto result = this->run({1, 2}, {nan, nan}, {0, 0}, kind);
    EXPECT_EQ(result.loss, Values(2, 0.0));
    EXPECT_EQ(result.doutput, Values(2, 0.0));
  }
}

TYPED_TEST(Losses, ExtremeLogitsStayFiniteAndExact) {
  const auto result = this->run({1e4, 1e4, -1e4, -1e4}, {1, 0, 1, 0}, {1, 1, 1, 1}, Loss::kBceWithLogits);
  EXPECT_EQ(result.loss, (Values{0, 1e4, 1e4, 0}));
  EXPECT_EQ(result.doutput, (Values{0, 1, -1, 0}));
}

TYPED_TEST(Losses, NonFiniteOutputIsSeen) {
  const auto result = this->run({std::numeric_limits<double>::quiet_NaN()}, {1}, {1}, Loss::kBceWithLogits);
  EXPECT_TRUE(std::isnan(result.loss[0]));
  EXPECT_TRUE(std::isnan(result.doutput[0]));
}

TYPED_TEST(Losses, KindsMayDifferBetweenTargets) {
  using M = TypeParam;
  const Values output{3, 0, -1, 0}, target{1, 1, 1, 0}, weight{1, 1, 0.25, 0.5}, slope{2, 3, 4, 5};
  Buffer<M> loss(4), doutput(4);
  const Buffer<M> o(output), y(target), w(weight), d(slope), kinds(Values{0, 1});
  loss_fwd<M>(Exec(), loss.flat(), o.in(), y.in(), w.in(), kinds.in());
  loss_bwd<M>(Exec(), doutput.flat(), d.in(), o.in(), y.in(), w.in(), kinds.in());
  const double u = 4 * roundoff<M>();
  expect_close(loss.values(), {4, std::log(2.0), 1, 0.5 * std::log(2.0)}, 0, u, "loss");
  expect_close(doutput.values(), {8, -1.5, -4, 1.25}, 0, u, "doutput");
}

}  // namespace
}  // namespace brainmt::kernels
