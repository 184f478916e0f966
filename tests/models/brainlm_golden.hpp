#pragma once
// Models of BrainLM's golden files, and the comparison of what they compute with what the files hold.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "models/brainlm_vitmae.hpp"
#include "models/golden.hpp"
#include "support/double_tensor.hpp"

namespace brainmt::test {

using Values = std::vector<double>;

inline double norm_of(const Values& v) {
  double sum = 0;
  for (const double x : v) sum += x * x;
  return std::sqrt(sum);
}

inline double distance(const Values& found, const Values& expected) {
  Values d = found;
  for (std::size_t i = 0; i < d.size(); ++i) d[i] -= expected.at(i);
  return norm_of(d);
}

/// Errors (norm of the difference over the norm) of named tensors.
class Errors {
 public:
  void add(const std::string& name, const Values& found, const Values& expected) {
    add(name, found, expected, norm_of(expected));
  }
  void add(const std::string& name, const Values& found, const Values& expected, double norm) {
    ASSERT_EQ(found.size(), expected.size()) << name;
    errors_[name] = distance(found, expected) / std::max(norm, 1e-30);
  }
  void expect(double worst, double median) const {
    std::vector<double> all;
    for (const auto& [name, error] : errors_) {
      EXPECT_LE(error, worst) << name;
      all.push_back(error);
    }
    ASSERT_FALSE(all.empty());
    std::ranges::nth_element(all, all.begin() + std::ssize(all) / 2);
    EXPECT_LE(all[all.size() / 2], median) << "median";
  }

 private:
  std::map<std::string, double> errors_;
};

inline std::vector<std::array<double, 3>> xyz_of(const Golden& golden) {
  const Values flat = golden.values("xyz");
  std::vector<std::array<double, 3>> xyz;
  for (std::size_t i = 0; i < flat.size(); i += 3) xyz.push_back({flat[i], flat[i + 1], flat[i + 2]});
  return xyz;
}

inline models::BrainLmConfig parcel_config(const Golden& golden) {
  const nlohmann::json c = golden.json("config");
  return {.xyz = xyz_of(golden),
          .frames = c.at("num_timepoints_per_voxel"),
          .patch_frames = c.at("timepoint_patching_size"),
          .embed_dim = c.at("hidden_size"),
          .depth = {c.at("num_hidden_layers"), c.at("decoder_num_hidden_layers")},
          .num_heads = {c.at("num_attention_heads"), c.at("decoder_num_attention_heads")},
          .ffn = {c.at("intermediate_size"), c.at("decoder_intermediate_size")},
          .filter_taps = c.at("conv_kernel_size"),
          .landmarks = c.at("num_landmarks"),
          .landmark_tokens = c.at("segment_means_seq_len"),
          .norm_eps = c.at("layer_norm_eps"),
          .dropout = 0,
          .hidden_dropout = 0,
          .mask_ratio = c.at("mask_ratio"),
          .absolute_loss = c.at("loss_fn") == "mae",
          .tanh_decoder = c.at("use_tanh_decoder"),
          .unused_rows = c.at("patch_size").get<std::int64_t>() * c.at("patch_size").get<std::int64_t>() *
                         c.at("num_channels").get<std::int64_t>()};
}

inline models::BrainLmVitMaeConfig image_config(const Golden& golden) {
  const nlohmann::json c = golden.json("config");
  return {.xyz = xyz_of(golden),
          .frames = golden.shape("signal")[2],
          .image_size = c.at("image_size"),
          .patch_size = c.at("patch_size"),
          .width = {c.at("hidden_size"), c.at("decoder_hidden_size")},
          .depth = {c.at("num_hidden_layers"), c.at("decoder_num_hidden_layers")},
          .num_heads = {c.at("num_attention_heads"), c.at("decoder_num_attention_heads")},
          .ffn = {c.at("intermediate_size"), c.at("decoder_intermediate_size")},
          .norm_eps = c.at("layer_norm_eps"),
          .qkv_bias = c.at("qkv_bias"),
          .norm_pixels = c.at("norm_pix_loss"),
          .mask_ratio = c.at("mask_ratio"),
          .scale = std::stod(golden.text("scale"))};
}

inline Shape shape_of(const Golden& golden, const std::string& name) {
  Shape shape;
  for (const std::int64_t extent : golden.shape(name)) shape.push_back(extent);
  return shape;
}

inline void load_weights(const Golden& golden, models::Model& model) {
  for (nn::Parameter& p : model.parameters().all()) {
    ASSERT_EQ(shape_of(golden, "weights/" + p.name).str(), p.shape.str()) << p.name;
    p.value.copy_from(golden.tensor("weights/" + p.name, p.shape, model.parameters().master_dtype()));
  }
  model.parameters().refresh_compute();
}

/// The model of a file, with its weights.
inline std::unique_ptr<models::BrainLm> parcel_model(const Golden& golden, const models::BrainLmConfig& config,
                                                     DType dtype) {
  auto model = std::make_unique<models::BrainLm>(config, dtype);
  model->set_time_table(golden.tensor("tables/time", shape_of(golden, "tables/time"), master_of(dtype)));
  load_weights(golden, *model);
  return model;
}

inline std::unique_ptr<models::BrainLmVitMae> image_model(const Golden& golden,
                                                          const models::BrainLmVitMaeConfig& config, DType dtype) {
  auto model = std::make_unique<models::BrainLmVitMae>(config, dtype);
  load_weights(golden, *model);
  return model;
}

inline std::vector<float> narrow(const Values& values) { return {values.begin(), values.end()}; }

/// Draws of a pass that hides by the file's noise.
inline Tensor mask_draws(const Golden& golden, const std::string& noise) {
  const std::int64_t batch = golden.shape(noise)[0], tokens = golden.shape(noise)[1];
  const std::vector<float> rows = models::mask_rows(models::orders_of(narrow(golden.values(noise)), tokens));
  return Tensor::from_host(rows, {2 * tokens, batch}, DType::kF32);
}

}  // namespace brainmt::test
