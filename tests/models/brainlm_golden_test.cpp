// BrainLM, both variants, against golden tensors of the published code (tests/golden/README.md): tokens, every layer,
// reconstruction, loss, gradients, ten steps of AdamW; embeddings and their gradients. Sizes come from the files.
#include "models/brainlm_golden.hpp"

#include <numeric>

#include "autograd/masked_ops.hpp"
#include "nn/optimizer.hpp"

namespace brainmt::models {
namespace {

using autograd::Tape;
using autograd::Var;
using test::Values;

// fp32: the published code's own fp32 differs from its fp64 by 3e-6 at worst, 7e-7 in the median.
struct Tolerance {
  double worst, median;
};
Tolerance tolerance_of(DType dtype) { return dtype == DType::kF64 ? Tolerance{1e-10, 1e-10} : Tolerance{1e-5, 3e-6}; }

// Values in the order of `order` along axis 1 of [B, V, T].
Values reordered(const Values& values, const std::vector<std::int64_t>& shape, const std::vector<std::int64_t>& order) {
  Values out;
  for (std::int64_t b = 0; b < shape[0]; ++b)
    for (const std::int64_t v : order)
      for (std::int64_t t = 0; t < shape[2]; ++t)
        out.push_back(values[static_cast<std::size_t>((b * shape[1] + v) * shape[2] + t)]);
  return out;
}

// A gradient that is exactly 0 is compared with that of the same layer's queries.
void add_gradients(test::Errors& errors, const test::Golden& golden, Model& model) {
  std::size_t compared = 0;
  for (const std::string& name : golden.names("grad")) {
    const nn::Parameter* p = model.parameters().find(name);
    ASSERT_NE(p, nullptr) << name;
    const Values expected = golden.values("grad/" + name);
    std::string scale = name;
    if (const auto at = scale.find("key.bias"); at != std::string::npos) scale.replace(at, 8, "query.bias");
    errors.add("grad/" + name, p->grad.to_host(), expected, test::norm_of(golden.values("grad/" + scale)));
    ++compared;
  }
  EXPECT_GT(compared, 10u);
}

class Pretraining {
 public:
  Pretraining(const test::Golden& golden, DType dtype) : golden_(golden), dtype_(dtype) {
    if (golden.text("variant") == "parcel") {
      auto model = test::parcel_model(golden, test::parcel_config(golden), dtype);
      kept_ = model->kept();
      model->observe(observer());
      model_ = std::move(model);
    } else {
      auto model = test::image_model(golden, test::image_config(golden), dtype);
      kept_ = model->kept();
      order_ = model->parcel_order();
      model->observe(observer());
      model_ = std::move(model);
    }
    input_ = golden.tensor("signal", test::shape_of(golden, "signal"), dtype);
    draws_ = test::mask_draws(golden, "noise");
  }

  double run(bool backward) {
    layers.clear();
    model_->parameters().zero_grads();
    Tape tape;
    output = model_->forward(tape, Var(input_), {.draws = draws_, .want = kReconstruction | kTokens});
    const Values hidden = output.hidden.to_host();
    const double count = std::accumulate(hidden.begin(), hidden.end(), 0.0);
    const std::int64_t batch = input_.shape()[0];
    const Values weights(static_cast<std::size_t>(batch), 1 / count);
    const DType master = master_of(dtype_);
    const Var loss = autograd::hidden_loss(tape, output.reconstruction, output.target, output.hidden,
                                           test::tensor_of(weights, {batch}, master), output.absolute_error);
    const Values terms = loss.value().to_host();
    if (backward) tape.backward(loss, test::tensor_of(Values(terms.size(), 1.0), loss.shape(), master));
    return std::accumulate(terms.begin(), terms.end(), 0.0);
  }

  // [B, V, T] as the file has it: the image's rows in their order.
  Values as_stored(const Tensor& t) const {
    return order_.empty() ? t.to_host() : reordered(t.to_host(), golden_.shape("signal"), order_);
  }
  Model& model() { return *model_; }
  std::int64_t kept() const { return kept_; }

  Output output;
  std::map<std::string, Values> layers;

 private:
  LayerObserver observer() {
    return [this](const std::string& name, const Tensor& value) { layers[name] = value.to_host(); };
  }

  const test::Golden& golden_;
  DType dtype_;
  std::unique_ptr<Model> model_;
  std::int64_t kept_ = 0;
  std::vector<std::int64_t> order_;
  Tensor input_, draws_;
};

using FileAndType = std::tuple<std::string, DType>;
std::string name_of_case(const testing::TestParamInfo<FileAndType>& info) {
  const DType dtype = std::get<1>(info.param);
  return std::get<0>(info.param) + (dtype == DType::kF64 ? "_fp64" : "_fp32");
}
const auto kTypes = testing::Values(DType::kF64, DType::kF32);

class BrainLmPretrainGolden : public testing::TestWithParam<FileAndType> {
 protected:
  test::Golden golden{std::get<0>(GetParam())};
  DType dtype = std::get<1>(GetParam());
  Pretraining run{golden, dtype};
  Tolerance tolerance = tolerance_of(dtype);
};

TEST_P(BrainLmPretrainGolden, TheSameTokensAreHidden) {
  EXPECT_EQ(run.kept(), std::stoll(golden.text("kept")));
  const TokenOrders orders = orders_of(test::narrow(golden.values("noise")), golden.shape("noise")[1]);
  std::vector<std::int64_t> restore = golden.integers("ids_restore");
  for (std::size_t b = 0; b < orders.size(); ++b)
    for (std::size_t i = 0; i < orders[b].size(); ++i)
      EXPECT_EQ(restore[b * orders[b].size() + static_cast<std::size_t>(orders[b][i])], static_cast<std::int64_t>(i));
  run.run(false);
  Values mask = golden.values("mask");
  if (golden.text("variant") == "parcel") {  // a number a token
    const std::int64_t patch = golden.shape("prediction")[3];
    Values values;
    for (const double m : mask) values.insert(values.end(), static_cast<std::size_t>(patch), m);
    mask = values;
  }
  EXPECT_EQ(run.as_stored(run.output.hidden), mask);
  const Pass pass{.samples = {0}, .want = kReconstruction};
  EXPECT_EQ(run.model().hidden_values(pass).size(), 1u);
}

TEST_P(BrainLmPretrainGolden, LayersReconstructionLossAndGradientsMatch) {
  const double loss = run.run(true);
  test::Errors errors;
  errors.add("loss", {loss}, golden.values("loss"));
  errors.add("latent", run.output.tokens.to_host(), golden.values("latent"));
  errors.add("prediction", run.as_stored(run.output.reconstruction.value()), golden.values("prediction"));
  if (golden.contains("image")) errors.add("image", run.as_stored(run.output.target), golden.values("image"));
  for (const char* side : {"encoder", "decoder"})
    for (const std::string& layer : golden.names(side)) {
      const std::string name = std::string(side) + "/" + layer;
      ASSERT_TRUE(run.layers.contains(name)) << name;
      errors.add(name, run.layers.at(name), golden.values(name));
    }
  add_gradients(errors, golden, run.model());
  errors.expect(tolerance.worst, tolerance.median);
}

constexpr double kClipEps = 1e-6;  // the files were made with PyTorch's clipping: 1 / (norm + 1e-6)

TEST_P(BrainLmPretrainGolden, TenStepsOfAdamWMatch) {
  nn::AdamW optimizer(run.model().parameters(),
                      {.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0.05, .clip_norm = 1.0});
  Values losses, norms;
  for (std::size_t step = 0; step < golden.values("losses").size(); ++step) {
    losses.push_back(run.run(true));
    norms.push_back(optimizer.gradient_norm());
    optimizer.step(1e-3, norms.back() + kClipEps);
  }
  test::Errors errors;
  errors.add("losses", losses, golden.values("losses"));
  errors.add("grad_norms", norms, golden.values("grad_norms"));
  errors.expect(tolerance.worst, tolerance.worst);
}

INSTANTIATE_TEST_SUITE_P(Files, BrainLmPretrainGolden,
                         testing::Combine(testing::Values("brainlm_parcel_pretrain", "brainlm_image_pretrain"), kTypes),
                         name_of_case);

TEST(BrainLmGolden, Bf16StaysWithinItsRounding) {
  for (const char* name : {"brainlm_parcel_pretrain", "brainlm_image_pretrain"}) {
    const test::Golden golden(name);
    Pretraining run(golden, DType::kBf16);
    const double loss = run.run(true);
    test::Errors errors, of_loss;
    errors.add("latent", run.output.tokens.to_host(), golden.values("latent"));
    errors.add("prediction", run.as_stored(run.output.reconstruction.value()), golden.values("prediction"));
    of_loss.add("loss", {loss}, golden.values("loss"));
    errors.expect(3e-2, 3e-2);
    of_loss.expect(1e-2, 1e-2);
  }
}

TEST(BrainLmGolden, ImagePositionsAndParcelOrderAreTheFiles) {
  for (const char* name : {"brainlm_image_pretrain", "brainlm_image_embed"}) {
    const test::Golden golden(name);
    const auto config = test::image_config(golden);
    const BrainLmVitMae model(config, DType::kF32, Model::Memory::kSizesOnly);
    EXPECT_EQ(model.parcel_order(), golden.integers("parcel_order"));
    const std::array<std::string, 2> tables{"weights/vit.embeddings.position_embeddings",
                                            "weights/decoder.decoder_pos_embed"};
    for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
      const std::vector<float> table = position_table(config.side(), config.width[side]);
      const Values stored = golden.values(tables[side]);
      ASSERT_EQ(table.size(), stored.size());
      for (std::size_t i = 0; i < table.size(); ++i) ASSERT_NEAR(table[i], stored[i], 0x1p-23) << i;
    }
  }
}

// Embeddings: nothing is hidden, tokens are in natural order.
class BrainLmEmbedGolden : public testing::TestWithParam<FileAndType> {
 protected:
  test::Golden golden{std::get<0>(GetParam())};
  DType dtype = std::get<1>(GetParam());
  Tolerance tolerance = tolerance_of(dtype);
};

TEST_P(BrainLmEmbedGolden, LatentEmbeddingsAndGradientsMatch) {
  const bool parcels = golden.text("variant") == "parcel";
  std::unique_ptr<Model> model;
  if (parcels)
    model = test::parcel_model(golden, test::parcel_config(golden), dtype);
  else
    model = test::image_model(golden, test::image_config(golden), dtype);
  const Var x(golden.tensor("signal", test::shape_of(golden, "signal"), dtype), true);
  Tape tape;
  model->parameters().zero_grads();
  const Output output = model->forward(tape, x, {.want = kTokens | kMeanEmbedding});
  const Values probe = golden.values("probe");
  Values gradient;
  for (std::int64_t b = 0; b < x.shape()[0]; ++b) gradient.insert(gradient.end(), probe.begin(), probe.end());
  const Values cls = output.embedding.value().to_host(), latent = output.tokens.to_host();
  tape.backward(output.embedding, test::tensor_of(gradient, output.embedding.shape(), dtype));

  test::Errors errors;
  errors.add("latent", latent, golden.values("latent"));
  errors.add("cls", cls, golden.values("cls"));
  errors.add("mean", output.mean_embedding.to_host(), golden.values(parcels ? "mean" : "mean_data"));
  errors.add("grad_signal", x.gradient().take().to_host(), golden.values("grad_signal"));
  add_gradients(errors, golden, *model);
  errors.expect(tolerance.worst, tolerance.median);
}

INSTANTIATE_TEST_SUITE_P(Files, BrainLmEmbedGolden,
                         testing::Combine(testing::Values("brainlm_parcel_embed", "brainlm_parcel_landmarks",
                                                          "brainlm_image_embed"),
                                          kTypes),
                         name_of_case);

TEST(BrainLmGolden, ShufflingWithoutHidingMatches) {
  const test::Golden golden("brainlm_parcel_embed");
  BrainLmConfig config = test::parcel_config(golden);
  config.mask_ratio = 0;
  const auto model = test::parcel_model(golden, config, DType::kF64);
  Tape tape(Tape::Mode::kForget);
  const Tensor x = golden.tensor("signal", test::shape_of(golden, "signal"), DType::kF64);
  const Pass pass{.draws = test::mask_draws(golden, "noise_shuffled"), .want = kMeanEmbedding | kReconstruction};
  const Output output = model->forward(tape, Var(x), pass);
  test::Errors errors;
  errors.add("cls", output.embedding.value().to_host(), golden.values("cls_shuffled"));
  errors.add("mean", output.mean_embedding.to_host(), golden.values("mean_shuffled"));
  errors.expect(1e-10, 1e-10);
}

TEST(BrainLmGolden, DataTokensAreTheFiles) {
  const test::Golden golden("brainlm_image_embed");
  const BrainLmVitMae model(test::image_config(golden), DType::kF32, Model::Memory::kSizesOnly);
  std::vector<std::int64_t> stored;
  const std::vector<std::int64_t> holds = golden.integers("data_tokens");  // 0 or 1 for each token
  for (std::size_t n = 0; n < holds.size(); ++n)
    if (holds[n] != 0) stored.push_back(static_cast<std::int64_t>(n));
  EXPECT_EQ(model.data_tokens(), stored);
}

}  // namespace
}  // namespace brainmt::models
