// BrainMT against the golden tensors: output, loss, embeddings, the gradient of the input and of every parameter, one
// AdamW step, ten steps' losses. Distance is norm of difference over norm of the reference.
//
// fp32 is held against the published implementation (PyTorch in fp32 is itself off by up to 5e-5, median 2e-5); the
// model on the oracle kernels in double against a double-precision reference that starts from the same stored weights.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "autograd/ops.hpp"
#include "golden.hpp"
#include "kernels/adamw.hpp"
#include "kernels/kinds.hpp"
#include "tensor/views.hpp"

namespace brainmt {
namespace {

using autograd::Tape;
using autograd::Var;

struct Tolerance {
  double worst, median;
};

Tolerance tolerance(DType dtype) { return dtype == DType::kF64 ? Tolerance{1e-9, 1e-9} : Tolerance{2e-4, 5e-5}; }

double distance(const std::vector<double>& found, const std::vector<double>& expected) {
  EXPECT_EQ(found.size(), expected.size());
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    difference += std::pow(found[i] - expected[i], 2);
    norm += std::pow(expected[i], 2);
  }
  return std::sqrt(difference / norm);
}

constexpr double kLearningRate = 2e-4;

// One model with golden weights and the golden batch.
class Trainee {
 public:
  Trainee(const test::Golden& golden, DType dtype, const models::BrainMTConfig& config)
      : golden_(golden), model_(config, dtype), master_(master_of(dtype)) {
    for (nn::Parameter& p : model_.parameters().all())
      p.value.copy_from(golden.tensor("weights/" + p.name, p.shape, master_));
    model_.parameters().refresh_compute();
    const auto& g = config.grid;
    input_ = Var(golden.tensor("input", {2, config.frames, g[1], g[0], g[2]}, dtype), true);
    target_ = golden.tensor("target", {2}, master_);
    const std::vector<float> half(2, 0.5f);
    weight_ = Tensor::from_host(half, {2}, master_);
    const auto kind = golden.classification() ? kernels::Loss::kBceWithLogits : kernels::Loss::kMse;
    kinds_ = Tensor::from_host(std::vector{kernels::code_of<float>(kind)}, {1}, master_);
  }

  models::BrainMT& model() { return model_; }
  const Var& input() const { return input_; }
  const models::Output& output() const { return output_; }

  // Mean loss over the batch; afterwards every gradient is there.
  double forward_backward(bool all_tokens) {
    model_.parameters().zero_grads();
    Tape tape;
    output_ = model_.forward(tape, input_, {.want = all_tokens ? models::kTokens | models::kMeanEmbedding : 0u});
    const Var loss = autograd::label_loss(tape, output_.prediction, target_, weight_, kinds_);
    const std::vector<float> ones(2, 1.0f);
    tape.backward(loss, Tensor::from_host(ones, {2, 1}, master_));
    const auto parts = loss.value().to_host();
    return parts[0] + parts[1];
  }

  // AdamW as in the files' metadata: their A_log decays.
  void step(int t) {
    for (nn::Parameter& p : model_.parameters().all()) {
      kernels::AdamWStep s{kLearningRate, 0.9, 0.999, 1e-6, p.decay || p.name.ends_with("_log") ? 0.05 : 0.0, t};
      auto& [m, v] = moments_[p.name];
      if (!m) m = Tensor::zeros(p.shape, master_), v = Tensor::zeros(p.shape, master_);
      if (master_ == DType::kF64)
        adamw<double>(p, m, v, s);
      else
        adamw<float>(p, m, v, s);
    }
    model_.parameters().refresh_compute();
  }

 private:
  template <class M>
  static void adamw(nn::Parameter& p, const Tensor& m, const Tensor& v, const kernels::AdamWStep& s) {
    kernels::adamw<M>(kernels::Exec{}, view1<M>(p.value), view1<M>(m), view1<M>(v), view1<const M>(p.grad), s);
  }

  const test::Golden& golden_;
  models::BrainMT model_;
  DType master_;
  Var input_;
  Tensor target_, weight_, kinds_;
  models::Output output_;
  std::map<std::string, std::pair<Tensor, Tensor>> moments_;
};

class GoldenParity : public testing::TestWithParam<std::tuple<std::string, DType>> {
 protected:
  DType dtype = std::get<1>(GetParam());
  test::Golden golden{std::get<0>(GetParam())};
  test::Golden reference{std::get<0>(GetParam()) + (dtype == DType::kF64 ? "_fp64" : "")};
  std::vector<double> seen;

  void near(const std::vector<double>& found, const std::string& name) {
    const double d = distance(found, reference.values(name));
    EXPECT_LE(d, tolerance(dtype).worst) << name;
    seen.push_back(d);
  }
  void near(const Tensor& found, const std::string& name) { near(found.to_host(), name); }

  // A bias of keys adds the same number to all scores of a query, which softmax does not see: its gradient is 0, in
  // fp32 a rounding that AdamW makes a step of up to kLearningRate from.
  void near_after_first_step(const nn::Parameter& p) {
    const std::string name = "after_first_step/" + p.name;
    std::vector<double> found = p.value.to_host();
    if (dtype == DType::kF32 && p.name.ends_with("qkv.bias")) {
      const std::vector<double> expected = reference.values(name);
      for (std::size_t i = found.size() / 3; i < found.size() / 3 * 2; ++i) {
        EXPECT_NEAR(found[i], expected[i], kLearningRate * 1.001) << name << " " << i;
        found[i] = expected[i];
      }
    }
    near(found, name);
  }

  void near_in_the_median() {
    std::sort(seen.begin(), seen.end());
    EXPECT_LE(seen[seen.size() / 2], tolerance(dtype).median);
    std::printf("  worst %.2e, median %.2e over %zu tensors\n", seen.back(), seen[seen.size() / 2], seen.size());
  }
  void near_in_everything(Trainee& trainee, bool all_tokens) {
    near({trainee.forward_backward(all_tokens)}, "loss");
    near(trainee.output().prediction.value(), "output");
    near(trainee.output().embedding.value(), "cls_embedding");
    if (all_tokens) near(trainee.output().mean_embedding, "mean_embedding");
    near(trainee.input().gradient().take(), "grad_input");
    for (const nn::Parameter& p : trainee.model().parameters().all()) near(p.grad, "grad/" + p.name);
    near_in_the_median();
  }
};

TEST_P(GoldenParity, ParametersHaveThePublishedNames) {
  Trainee trainee(golden, dtype, golden.config());
  std::vector<std::string> ours;
  for (const nn::Parameter& p : trainee.model().parameters().all()) ours.push_back(p.name);
  std::sort(ours.begin(), ours.end());
  EXPECT_EQ(ours, golden.names("weights"));
}

TEST_P(GoldenParity, OutputsAndAllGradients) {
  Trainee trainee(golden, dtype, golden.config());
  near_in_everything(trainee, /*all_tokens=*/true);
}

TEST_P(GoldenParity, ClsOnlyLastBlockIsExact) {
  Trainee trainee(golden, dtype, golden.config());
  near_in_everything(trainee, /*all_tokens=*/false);
}

TEST_P(GoldenParity, RecomputeAndFrameChunksChangeNothing) {
  models::BrainMTConfig config = golden.config();
  config.recompute = true;
  config.frame_chunk = 3;  // 7 frames: two whole chunks and a rest
  Trainee trainee(golden, dtype, config);
  near_in_everything(trainee, /*all_tokens=*/false);
}

TEST_P(GoldenParity, AdamWStepAndTenLosses) {
  Trainee trainee(golden, dtype, golden.config());
  std::vector<double> losses;
  for (int t = 1; t <= 10; ++t) {
    losses.push_back(trainee.forward_backward(false));
    (void)trainee.input().gradient().take();
    trainee.step(t);
    if (t > 1) continue;
    for (const nn::Parameter& p : trainee.model().parameters().all()) near_after_first_step(p);
    near_in_the_median();
  }
  // Training on the regression file is chaotic: rounding its weights to float32 moves the ten losses by 4e-2, PyTorch
  // in fp32 by more than that (tests/golden/README.md). There fp32 is compared before the first update only.
  if (dtype == DType::kF32 && !golden.classification()) {
    EXPECT_NEAR(losses[0], reference.values("losses")[0], tolerance(dtype).worst * losses[0]);
  } else {
    // Ten steps multiply a rounding by up to 1e4 (the measured growth on these files), so double keeps 1e-6 of it.
    const double bound = dtype == DType::kF64 ? 1e-6 : tolerance(dtype).worst;
    EXPECT_LE(distance(losses, reference.values("losses")), bound);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Files, GoldenParity,
    testing::Combine(testing::Values("brainmt_bidirectional_classification", "brainmt_released_regression"),
                     testing::Values(DType::kF64, DType::kF32)),
    [](const auto& info) { return std::get<0>(info.param) + "_" + std::string(name_of(std::get<1>(info.param))); });

}  // namespace
}  // namespace brainmt
