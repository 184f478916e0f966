// Published folders of BrainLM, made of the golden files: both variants are read; what does not fit is refused by name.
#include "run/published.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "run/weights.hpp"
#include "support/expect_error.hpp"
#include "support/golden_file.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::run {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct Stored {
  std::vector<std::uint64_t> shape;
  std::vector<float> values;
};

class PublishedGolden : public testing::Test {
 protected:
  // The file's weights and configuration; time tables are added, which golden files lack.
  void take(const std::string& name) {
    const test::GoldenFile golden(name);
    const auto file = io::SafetensorsFile::open(test::GoldenFile::directory() + "/" + name + ".safetensors");
    config_ = json::parse(golden.text("config"));
    tensors_.clear();
    for (const std::string& tensor : file.names()) {
      if (!tensor.starts_with("weights/")) continue;
      Stored& stored = tensors_[tensor.substr(8)];
      stored.shape = file.info(tensor).shape;
      for (const double v : golden.values(tensor)) stored.values.push_back(static_cast<float>(v));
    }
    data_ = {};
    const auto xyz = golden.values("xyz");
    for (std::size_t i = 0; i < xyz.size(); i += 3) data_.xyz.push_back({xyz[i], xyz[i + 1], xyz[i + 2]});
    config_["num_timepoints_per_voxel"] = golden.shape("signal")[2];
  }
  fs::path folder() const {
    std::ofstream(where_ / "config.json") << config_.dump();
    std::vector<io::TensorToWrite> tensors;
    for (const auto& [name, stored] : tensors_)
      tensors.push_back({name, io::StoredType::kF32, stored.shape, stored.values.data()});
    io::write_safetensors(where_ / "model.safetensors", tensors);
    return where_ / ".";
  }
  void expect_refused(std::initializer_list<std::string> words) const {
    test::expect_error<DataError>([&] { read_published(folder(), data_); }, words);
  }
  void expect_read() const {
    const PublishedModel published = read_published(folder(), data_);
    for (const nn::Parameter& p : published.model->parameters().all()) {
      const auto stored = tensors_.find(p.name);
      if (stored == tensors_.end()) continue;
      const std::vector<double> found = p.value.to_host();
      EXPECT_EQ(std::vector<float>(found.begin(), found.end()), stored->second.values) << p.name;
    }
    // Every published name is one of ours: a parameter or a fixed table.
    const auto tables = published.model->fixed_tables();
    for (const auto& [name, stored] : tensors_) {
      const bool known = published.model->parameters().find(name) != nullptr ||
                         std::ranges::any_of(tables, [&](const auto& table) { return table.name == name; });
      EXPECT_TRUE(known) << name;
    }
    EXPECT_EQ(published.model->outputs(), 0);
    const auto described = models::read_description(describe_model(*published.model), "test");
    EXPECT_EQ(described.data.xyz, data_.xyz);
  }

  test::TemporaryDirectory where_;
  json config_;
  std::map<std::string, Stored> tensors_;
  models::DataSpec data_;
};

TEST_F(PublishedGolden, BothVariantsAreRead) {
  for (const char* name : {"brainlm_parcel_pretrain", "brainlm_image_pretrain"}) {
    SCOPED_TRACE(name);
    take(name);
    expect_read();
  }
}

TEST_F(PublishedGolden, TimeTablesArePassedOverAndTheUnusedTensorMayBeMissing) {
  take("brainlm_parcel_pretrain");
  const auto width = config_.at("hidden_size").get<std::int64_t>();
  const std::vector<float> table =
      models::make_model(models::read_description(describe_model(*read_published(folder(), data_).model), "test"),
                         DType::kF32)
          ->fixed_tables()
          .front()
          .values;
  for (const char* name : {"vit.embeddings.pos_embedding.pe", "decoder.pos_embedding.pe"})
    tensors_[name] = {{5000, static_cast<std::uint64_t>(width)}, table};
  tensors_.erase("decoder.decoder_pred.weight");
  tensors_.erase("decoder.decoder_pred.bias");
  expect_read();
}

TEST_F(PublishedGolden, TheWrongVariantIsRefused) {
  take("brainlm_parcel_pretrain");
  config_["model_type"] = "vit_mae";
  expect_refused({"config.json", "model_type is 'vit_mae'", "parcel tokens"});
  take("brainlm_image_pretrain");
  config_["model_type"] = "brainlm_mae";
  expect_refused({"model_type is 'brainlm_mae'", "images"});
  config_["model_type"] = "bert";
  expect_refused({"expected brainlm_mae or vit_mae", "bert"});
}

TEST_F(PublishedGolden, MissingAndUnexpectedTensorsAreNamed) {
  take("brainlm_parcel_pretrain");
  tensors_.erase("vit.encoder.layer.0.attention.self.conv.weight");
  tensors_["vit.pooler.weight"] = {{1}, {0}};
  expect_refused(
      {"1 tensors missing: vit.encoder.layer.0.attention.self.conv.weight", "1 not expected: vit.pooler.weight"});
}

TEST_F(PublishedGolden, ThePredictionOfTheImageVariantIsNeeded) {
  take("brainlm_image_pretrain");
  tensors_.erase("decoder.decoder_pred.weight");
  expect_refused({"1 tensors missing: decoder.decoder_pred.weight"});
}

TEST_F(PublishedGolden, OtherSizesAreRefused) {
  take("brainlm_parcel_pretrain");
  config_["decoder_hidden_size"] = 8;
  expect_refused({"decoder_hidden_size 8"});
  take("brainlm_parcel_pretrain");
  data_.xyz.pop_back();
  expect_refused({"num_brain_voxels"});
  take("brainlm_parcel_pretrain");
  config_["intermediate_size"] = 41;
  expect_refused({"of another shape"});
  take("brainlm_parcel_pretrain");
  config_.erase("mask_ratio");
  expect_refused({"expected 'mask_ratio'"});
}

TEST_F(PublishedGolden, APickleIsNotRead) {
  take("brainlm_parcel_pretrain");
  std::ofstream(where_ / "config.json") << config_.dump();
  std::ofstream(where_ / "pytorch_model.bin") << "x";
  test::expect_error<DataError>([&] { read_published(where_ / ".", data_); }, {"pickle", "convert_brainlm.py"});
}

TEST_F(PublishedGolden, CoordinatesComeFromATable) {
  std::ofstream(where_ / "parcels.tsv") << "name\tx\ty\tz\na\t-10\t20.5\t3\nb\t1\t2\t3\n";
  const std::vector<std::array<double, 3>> expected{{-10, 20.5, 3}, {1, 2, 3}};
  EXPECT_EQ(parcel_coordinates(where_ / "parcels.tsv"), expected);
}

}  // namespace
}  // namespace brainmt::run
