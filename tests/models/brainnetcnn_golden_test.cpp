// BrainNetCNN against golden tensors of the published port (tests/golden/README.md): output, loss, gradients, six steps
// of Adam with an L2 term; then gradients against central differences where dropout is on, and learning.
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/adamw.hpp"
#include "kernels/elementwise.hpp"
#include "models/brainnetcnn.hpp"
#include "models/golden.hpp"
#include "support/double_tensor.hpp"
#include "tensor/views.hpp"

namespace brainmt::models {
namespace {

using autograd::Tape;
using autograd::Var;
using Values = std::vector<double>;

BrainNetCnnConfig config_of(const test::Golden& golden) {
  const nlohmann::json json = golden.json("config");
  BrainNetCnnConfig c;
  c.nodes = json.at("nodes");
  json.at("e2e").get_to(c.e2e);
  json.at("n2g").get_to(c.n2g);
  json.at("dense").get_to(c.dense);
  c.slope = json.value("slope", 0.33);
  c.leaky_head = json.value("leaky_head", golden.classification());
  c.outputs = golden.shape("output")[1];
  return c;
}

double norm(const Values& v) {
  double sum = 0;
  for (const double x : v) sum += x * x;
  return std::sqrt(sum);
}

double difference(const Values& found, const Values& expected) {
  Values d = found;
  for (std::size_t i = 0; i < d.size(); ++i) d[i] -= expected.at(i);
  return norm(d) / std::max(norm(expected), 1e-30);
}

// Softmax cross entropy against soft labels, summed over the batch, or the mean squared error; with its gradient.
double loss_of(const Values& output, const Values& target, std::int64_t outputs, bool classes, Values& gradient) {
  const auto k = static_cast<std::size_t>(outputs);
  gradient.assign(output.size(), 0);
  double loss = 0;
  for (std::size_t row = 0; row < output.size(); row += k) {
    if (!classes) {
      const double error = output[row] - target[row / k];
      loss += error * error / static_cast<double>(target.size());
      gradient[row] = 2 * error / static_cast<double>(target.size());
      continue;
    }
    double most = output[row], sum = 0, labels = 0;
    for (std::size_t i = row; i < row + k; ++i) most = std::max(most, output[i]);
    for (std::size_t i = row; i < row + k; ++i) sum += std::exp(output[i] - most), labels += target[i];
    for (std::size_t i = row; i < row + k; ++i) {
      const double log_p = output[i] - most - std::log(sum);
      loss -= target[i] * log_p;
      gradient[i] = labels * std::exp(log_p) - target[i];
    }
  }
  return loss;
}

class Trainee {
 public:
  Trainee(const test::Golden& golden, DType dtype) : golden_(golden), model_(config_of(golden), dtype), dtype_(dtype) {
    for (nn::Parameter& p : model_.parameters().all())
      p.value.copy_from(golden.tensor("weights/" + p.name, p.shape, dtype));
    model_.parameters().refresh_compute();
    const auto shape = golden.shape("input");
    input_ = golden.tensor("input", {shape[0], shape[1], shape[2]}, dtype);
  }

  double forward_backward() {
    model_.parameters().zero_grads();
    Tape tape;
    x_ = Var(input_, true);
    const Var prediction = model_.forward(tape, x_, {.training = false}).prediction;
    output = prediction.value().to_host();
    Values gradient;
    const double loss = loss_of(output, golden_.values("target"), model_.outputs(), golden_.classification(), gradient);
    tape.backward(prediction, test::tensor_of(gradient, prediction.shape(), dtype_));
    return loss;
  }

  // Adam with the L2 term added to the gradient.
  void step(int t) {
    const nlohmann::json settings = optimizer();
    const double decay = settings.at("weight_decay");
    for (nn::Parameter& p : model_.parameters().all()) {
      auto& [m, v] = moments_[p.name];
      if (!m) m = Tensor::zeros(p.shape, dtype_), v = Tensor::zeros(p.shape, dtype_);
      const kernels::AdamWStep s{settings.at("lr"), 0.9, 0.999, settings.at("eps"), 0.0, t};
      const auto update = [&]<class M>() {
        kernels::axpby<M>(kernels::Exec{}, view1<M>(p.grad), static_cast<M>(decay), view1<const M>(p.value), M(1));
        kernels::adamw<M>(kernels::Exec{}, view1<M>(p.value), view1<M>(m), view1<M>(v), view1<const M>(p.grad), s);
      };
      dtype_ == DType::kF64 ? update.operator()<double>() : update.operator()<float>();
    }
    model_.parameters().refresh_compute();
  }

  BrainNetCnn& model() { return model_; }
  Values input_gradient() const { return x_.gradient().take().to_host(); }
  Values output;

 private:
  nlohmann::json optimizer() const {
    const std::string text = golden_.text("optimizer");
    const auto begin = text.find('{'), end = text.rfind('}');
    return nlohmann::json::parse(text.substr(begin, end + 1 - begin));
  }

  const test::Golden& golden_;
  BrainNetCnn model_;
  DType dtype_;
  Tensor input_;
  Var x_;
  std::map<std::string, std::pair<Tensor, Tensor>> moments_;
};

// Files hold float32: half a unit of it is the best that double can match. In fp32, PyTorch itself differs by 4.5e-5.
class BrainNetCnnGolden : public testing::TestWithParam<std::tuple<std::string, DType>> {
 protected:
  double tolerance() const { return std::get<1>(GetParam()) == DType::kF64 ? 6e-8 : 4.5e-5; }
};

TEST_P(BrainNetCnnGolden, OutputLossAndGradientsMatch) {
  const test::Golden golden(std::get<0>(GetParam()));
  Trainee trainee(golden, std::get<1>(GetParam()));
  const double loss = trainee.forward_backward();
  EXPECT_LE(difference(trainee.output, golden.values("output")), tolerance());
  EXPECT_LE(difference({loss}, golden.values("loss")), tolerance());
  EXPECT_LE(difference(trainee.input_gradient(), golden.values("grad_input")), tolerance());
  std::size_t compared = 0;
  for (const std::string& name : golden.names("grad")) {
    const nn::Parameter* p = trainee.model().parameters().find(name);
    ASSERT_NE(p, nullptr) << name;
    EXPECT_LE(difference(p->grad.to_host(), golden.values("grad/" + name)), tolerance()) << name;
    ++compared;
  }
  EXPECT_EQ(compared, trainee.model().parameters().all().size());
}

TEST_P(BrainNetCnnGolden, LossesOfSixStepsMatch) {
  const test::Golden golden(std::get<0>(GetParam()));
  Trainee trainee(golden, std::get<1>(GetParam()));
  Values losses;
  const std::size_t steps = golden.values("losses").size();
  for (std::size_t step = 1; step <= steps; ++step) {
    losses.push_back(trainee.forward_backward());
    trainee.step(static_cast<int>(step));
    if (step > 1) continue;
    for (const std::string& name : golden.names("after_first_step"))
      EXPECT_LE(difference(trainee.model().parameters().find(name)->value.to_host(),
                           golden.values("after_first_step/" + name)),
                tolerance())
          << name;
  }
  EXPECT_LE(difference(losses, golden.values("losses")), 2 * tolerance());
}

INSTANTIATE_TEST_SUITE_P(Files, BrainNetCnnGolden,
                         testing::Combine(testing::Values("brainnetcnn_classification", "brainnetcnn_regression"),
                                          testing::Values(DType::kF64, DType::kF32)),
                         [](const auto& test_case) {
                           const bool wide = std::get<1>(test_case.param) == DType::kF64;
                           return std::get<0>(test_case.param) + (wide ? "_fp64" : "_fp32");
                         });

BrainNetCnnConfig small() {
  BrainNetCnnConfig c;
  c.nodes = 5;
  c.e2e = {3, 4};
  c.e2n = 2;
  c.n2g = 6;
  c.dense = {5, 4};
  c.outputs = 2;
  return c;
}

Tensor random_input(const BrainNetCnn& model, std::int64_t batch, DType dtype) {
  Philox random(3, 1);
  std::vector<double> values(static_cast<std::size_t>(model.input_shape(batch).count()));
  for (double& v : values) v = random.uniform(-1.0, 1.0);
  return test::tensor_of(values, model.input_shape(batch), dtype);
}

double sum_of_squares(BrainNetCnn& model, const Tensor& x, const Pass& pass) {
  Tape tape(Tape::Mode::kForget);
  double sum = 0;
  for (const double y : model.forward(tape, Var(x), pass).prediction.value().to_host()) sum += y * y / 2;
  return sum;
}

TEST(BrainNetCnn, GradientsMatchCentralDifferencesUnderDropout) {
  BrainNetCnn model(small(), DType::kF64);
  model.initialise(5);
  const Tensor x = random_input(model, 3, DType::kF64);
  const Pass pass{.training = true, .seed = 1, .step = 2, .samples = {0, 1, 2}};
  Tape tape;
  const Var prediction = model.forward(tape, Var(x), pass).prediction;
  model.parameters().zero_grads();
  tape.backward(prediction, prediction.value().clone());
  constexpr double kStep = 1e-6;
  for (nn::Parameter& p : model.parameters().all()) {
    const Values gradient = p.grad.to_host();
    for (std::size_t i = 0; i < gradient.size(); i += 1 + gradient.size() / 7) {
      Values values = p.value.to_host();
      const double kept = values[i];
      const auto at = [&](double value) {
        values[i] = value;
        p.value.copy_from(test::in_double(values, p.shape));
        return sum_of_squares(model, x, pass);
      };
      const double slope = (at(kept + kStep) - at(kept - kStep)) / (2 * kStep);
      at(kept);
      EXPECT_NEAR(gradient[i], slope, 1e-7 * std::max(1.0, std::abs(slope))) << p.name << " " << i;
    }
  }
}

TEST(BrainNetCnn, DropoutDependsOnSeedStepAndSampleOnly) {
  BrainNetCnn model(small(), DType::kF64);
  model.initialise(5);
  const Tensor x = random_input(model, 2, DType::kF64);
  const auto output = [&](std::vector<std::int64_t> samples, std::int64_t step, const Tensor& input) {
    Tape tape(Tape::Mode::kForget);
    const Pass pass{.training = true, .seed = 1, .step = step, .samples = std::move(samples)};
    return model.forward(tape, Var(input), pass).prediction.value().to_host();
  };
  const Values both = output({7, 8}, 4, x), first = output({7}, 4, x.slice(0, 1));
  EXPECT_EQ(Values(both.begin(), both.begin() + 2), first);
  EXPECT_NE(output({7, 8}, 5, x), both);
  Tape tape(Tape::Mode::kForget);
  EXPECT_NE(model.forward(tape, Var(x), {}).prediction.value().to_host(), both);
}

TEST(BrainNetCnn, PublishedSizesHaveThePublishedNumberOfParameters) {
  BrainNetCnnConfig c;
  c.nodes = 360;
  c.outputs = 2;
  const BrainNetCnn model(c, DType::kF32, Model::Memory::kSizesOnly);
  EXPECT_EQ(model.parameters().element_count(), 1650077);
  EXPECT_NEAR(model.cost(1).forward_flops, 1.1e9, 0.05e9);
}

}  // namespace
}  // namespace brainmt::models
