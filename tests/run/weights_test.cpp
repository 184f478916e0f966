// Weights to and from files: exact, described, and refused with every tensor that does not fit.
#include "run/weights.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

#include "models/brainmt.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::run {
namespace {

std::string stem_of(const models::Description& d) {
  const auto model = models::make_model(d, DType::kF32, models::Model::Memory::kSizesOnly);
  return model->describe().at("stem");
}

models::BrainMTConfig tiny(bool bidirectional) {
  models::BrainMTConfig config;
  config.grid = {9, 8, 7};
  config.frames = 4;
  config.embed_dim = 16;
  config.depth = {1, 1};
  config.bidirectional = bidirectional;
  return config;
}

class Weights : public testing::Test {
 protected:
  std::filesystem::path save(const models::BrainMTConfig& config) {
    models::BrainMT model(config, DType::kF32);
    model.initialise(3);
    save_weights(directory_ / "model.safetensors", model.parameters(), {{kModelKey, describe_model(model)}});
    return directory_ / "model.safetensors";
  }
  // The tensors of tiny(true) under changed names, with one value replaced.
  std::filesystem::path renamed(const std::function<std::string(const std::string&)>& rename, float first = 1) {
    models::BrainMT model(tiny(true), DType::kF32);
    model.initialise(3);
    std::vector<std::vector<float>> values;
    std::vector<io::TensorToWrite> tensors;
    for (const nn::Parameter& p : model.parameters().all()) {
      const std::vector<double> wide = p.value.to_host();
      values.emplace_back(wide.begin(), wide.end());
      if (p.name == "head.weight") values.back()[0] = first;
      tensors.push_back({.name = rename(p.name),
                         .shape = std::vector<std::uint64_t>(p.shape.begin(), p.shape.end()),
                         .data = values.back().data()});
    }
    io::write_safetensors(directory_ / "renamed.safetensors", tensors);
    return directory_ / "renamed.safetensors";
  }
  test::TemporaryDirectory directory_;
};

TEST_F(Weights, PrefixesOfWrappersAreTakenOff) {
  for (const std::string prefix : {"module.", "_orig_mod.", "model.", "module._orig_mod.", "_orig_mod.module.", "net.",
                                   "model.module.", "_fsdp_wrapped_module."}) {
    const auto file = io::SafetensorsFile::open(renamed([&](const std::string& name) { return prefix + name; }, 7));
    models::BrainMT model(tiny(true), DType::kF32);
    load_weights(file, model);
    EXPECT_EQ(model.parameters().find("head.weight")->value.to_host().front(), 7.0) << prefix;
  }
}

TEST_F(Weights, WrappersInsideNamesAreTakenOff) {
  const auto inside = [](const std::string& name) {
    return name.starts_with("layers.0.") ? "layers.0._orig_mod." + name.substr(9) : name;
  };
  const auto file = io::SafetensorsFile::open(renamed(inside));
  models::BrainMT model(tiny(true), DType::kF32), written(tiny(true), DType::kF32);
  written.initialise(3);
  load_weights(file, model);
  const std::string name = "layers.0.mixer.in_proj.weight";
  EXPECT_EQ(model.parameters().find(name)->value.to_host(), written.parameters().find(name)->value.to_host());
}

TEST_F(Weights, NamesOfAnotherModelStayRefusedInAShortLine) {
  const auto file = io::SafetensorsFile::open(renamed([](const std::string& name) { return "x" + name + ".y"; }));
  models::BrainMT model(tiny(true), DType::kF32);
  try {
    load_weights(file, model);
    FAIL() << "no error";
  } catch (const DataError& error) {
    EXPECT_LT(std::string(error.what()).size(), 1200U);
    EXPECT_NE(std::string(error.what()).find("more;"), std::string::npos) << error.what();
  }
}

TEST_F(Weights, ValuesThatAreNotFiniteAreRefused) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    const auto file = io::SafetensorsFile::open(renamed([](const std::string& name) { return name; }, bad));
    models::BrainMT model(tiny(true), DType::kF32);
    test::expect_error<NonFiniteError>([&] { load_weights(file, model); },
                                       {"renamed.safetensors", "head.weight", "1 of 16 values"});
    for (const double value : model.parameters().find("head.bias")->value.to_host()) EXPECT_EQ(value, 0.0);
  }
}

TEST_F(Weights, RoundTripIsExactAndDescribesItsModel) {
  const auto file = io::SafetensorsFile::open(save(tiny(true)));
  models::BrainMT written(tiny(true), DType::kF32);
  const auto read = models::make_model(described_model(file), DType::kBf16);
  written.initialise(3);
  load_weights(file, *read);
  for (const nn::Parameter& p : written.parameters().all()) {
    const nn::Parameter* same = read->parameters().find(p.name);
    ASSERT_NE(same, nullptr) << p.name;
    EXPECT_EQ(p.value.to_host(), same->value.to_host()) << p.name;
    EXPECT_EQ(same->compute.to_host(), same->value.to(DType::kBf16).to_host()) << p.name;
  }
}

TEST_F(Weights, OneWayFileIntoTwoWayModelNamesEveryMissingTensor) {
  const auto file = io::SafetensorsFile::open(save(tiny(false)));
  models::BrainMT model(tiny(true), DType::kF32);
  test::expect_error<DataError>(
      [&] { load_weights(file, model); },
      {"7 missing", "layers.0.mixer.conv1d_b.weight", "layers.0.mixer.A_b_log", "layers.0.mixer.D_b", "one-way model"});
  model.initialise(8);
  const auto kept = model.parameters().find("layers.0.mixer.D_b")->value.to_host();
  load_weights(file, model, {.allow_missing = true});
  EXPECT_EQ(model.parameters().find("layers.0.mixer.D_b")->value.to_host(), kept);
}

TEST_F(Weights, TwoWayFileIntoOneWayModelNamesEveryExtraTensor) {
  const auto file = io::SafetensorsFile::open(save(tiny(true)));
  models::BrainMT model(tiny(false), DType::kF32);
  test::expect_error<DataError>([&] { load_weights(file, model); },
                                {"7 not in the model", "layers.0.mixer.x_proj_b.weight", "two-way model"});
  EXPECT_NO_THROW(load_weights(file, model, {.allow_extra = true}));
}

TEST_F(Weights, OtherShapesAreAllListedAndNothingIsLoaded) {
  const auto file = io::SafetensorsFile::open(save(tiny(true)));
  models::BrainMTConfig wider = tiny(true);
  wider.frames = 6;
  models::BrainMT model(wider, DType::kF32);
  test::expect_error<DataError>(
      [&] { load_weights(file, model, {.prefix = "", .allow_missing = true, .allow_extra = true}); },
      {"1 of another shape", "temporal_pos_embedding is [1, 4, 16], expected [1, 6, 16]"});
  for (const double value : model.parameters().find("head.weight")->value.to_host()) EXPECT_EQ(value, 0.0);
}

TEST_F(Weights, AFileWithoutDescriptionSaysWhatToGive) {
  models::BrainMT model(tiny(true), DType::kF32);
  save_weights(directory_ / "bare.safetensors", model.parameters(), {});
  const auto file = io::SafetensorsFile::open(directory_ / "bare.safetensors");
  test::expect_error<DataError>([&] { described_model(file); }, {"bare.safetensors", "model.*"});
}

TEST_F(Weights, TheStemIsPartOfTheDescription) {
  models::BrainMTConfig patches = tiny(true);
  patches.stem = models::Stem::kPatch;
  const auto file = io::SafetensorsFile::open(save(patches));
  EXPECT_EQ(stem_of(described_model(file)), "patch");
  const auto same = models::make_model(described_model(file), DType::kF32);
  models::BrainMT convolutions(tiny(true), DType::kF32);
  load_weights(file, *same);
  test::expect_error<DataError>([&] { load_weights(file, convolutions); },
                                {"20 missing", "conv_block0.conv1.weight", "2 not in the model",
                                 "patch_embed.proj.weight", "use model.stem=patch"});
  const auto other = io::SafetensorsFile::open(save(tiny(true)));
  test::expect_error<DataError>([&] { load_weights(other, *same); }, {"use model.stem=conv"});
}

TEST_F(Weights, FilesFromBeforeTheStemWasChosenHaveConvolutions) {
  const auto rewritten = [&](const std::string& stem) {
    std::string text = describe_model(models::BrainMT(tiny(true), DType::kF32));
    const std::string said = ",\"stem\":\"conv\"";
    text.replace(text.find(said), said.size(), stem);
    save_weights(directory_ / "old.safetensors", models::BrainMT(tiny(true), DType::kF32).parameters(),
                 {{kModelKey, text}});
    return described_model(io::SafetensorsFile::open(directory_ / "old.safetensors"));
  };
  EXPECT_EQ(stem_of(rewritten("")), "conv");
  test::expect_error<DataError>([&] { rewritten(",\"stem\":\"roots\""); }, {"old.safetensors", "roots", "conv|patch"});
  test::expect_error<DataError>([&] { rewritten(",\"stem\":7"); }, {"old.safetensors", "cannot be read"});
}

TEST_F(Weights, StartTakesAllThatFits) {
  const auto file = io::SafetensorsFile::open(save(tiny(true)));
  models::BrainMTConfig other = tiny(true);
  other.outputs = 3;  // another task: its head keeps its initial values
  other.frames = 7;   // another window: the table of frames is interpolated
  models::BrainMT model(other, DType::kF32), original(tiny(true), DType::kF32);
  model.initialise(5);
  original.initialise(3);
  const auto head = model.parameters().find("head.weight")->value.to_host();
  const Transfer transfer = start_from(file, model);
  EXPECT_EQ(transfer.left_out, (std::vector<std::string>{"head.weight", "head.bias"}));
  EXPECT_EQ(transfer.interpolated, (std::vector<std::string>{"temporal_pos_embedding"}));
  EXPECT_EQ(transfer.taken.size() + 3, model.parameters().all().size());
  EXPECT_EQ(model.parameters().find("head.weight")->value.to_host(), head);
  EXPECT_EQ(model.parameters().find("cls_token")->value.to_host(),
            original.parameters().find("cls_token")->value.to_host());
  const auto from = original.parameters().find("temporal_pos_embedding")->value.to_host();
  const auto to = model.parameters().find("temporal_pos_embedding")->value.to_host();
  for (std::size_t c = 0; c < 16; ++c) {  // 4 frames on 7: every second one is a frame of the file
    for (std::size_t t = 0; t < 4; ++t) EXPECT_EQ(to[2 * t * 16 + c], from[t * 16 + c]);
    EXPECT_NEAR(to[16 + c], (from[c] + from[16 + c]) / 2, 1e-8);
  }
}

TEST_F(Weights, StartLeavesTheHeadOfOtherTargetsOut) {
  const auto file = io::SafetensorsFile::open(save(tiny(true)));
  models::BrainMT model(tiny(true), DType::kF32);
  model.initialise(5);
  const auto head = model.parameters().find("head.weight")->value.to_host();
  const Transfer transfer = start_from(file, model, true);
  EXPECT_EQ(transfer.left_out, (std::vector<std::string>{"head.weight", "head.bias"}));
  EXPECT_EQ(model.parameters().find("head.weight")->value.to_host(), head);
}

TEST_F(Weights, StartRefusesAnotherModelByName) {
  const auto file = io::SafetensorsFile::open(save(tiny(false)));
  models::BrainMT model(tiny(true), DType::kF32);
  model.initialise(5);
  const auto kept = model.parameters().find("cls_token")->value.to_host();
  test::expect_error<DataError>([&] { start_from(file, model); }, {"7 missing", "conv1d_b", "one-way model"});
  models::BrainMTConfig wider = tiny(true);
  wider.embed_dim = 24;
  models::BrainMT wide(wider, DType::kF32);
  test::expect_error<DataError>(
      [&] { start_from(file, wide); },
      {"of another shape", "conv_block0.conv1.weight is [4, 4, 3, 3, 3], expected [6, 6, 3, 3, 3]"});
  wider.bidirectional = false;
  models::BrainMT only_wide(wider, DType::kF32);
  test::expect_error<DataError>([&] { start_from(file, only_wide); },
                                {"44 of another shape", "the file's model has model.embed_dim=16 (here 24)"});
  models::BrainMTConfig finer = tiny(false);
  finer.grid = {17, 8, 7};
  finer.frames = 6;  // interpolated: nothing to complain of
  models::BrainMT fine(finer, DType::kF32);
  test::expect_error<DataError>(
      [&] { start_from(file, fine); },
      {"1 of another shape: pos_embed", "made for a grid of 9x8x7 voxels, this one for 17x8x7",
       "prepare the cohort on the file's grid"});
  const auto published = io::SafetensorsFile::open(renamed([](const std::string& name) { return name; }));
  finer.bidirectional = true;
  models::BrainMT two_way(finer, DType::kF32);
  test::expect_error<DataError>([&] { start_from(published, two_way); },
                                {"pos_embed", "prepare the cohort on that grid, or give it as grid="});
  EXPECT_EQ(model.parameters().find("cls_token")->value.to_host(), kept);
}

TEST_F(Weights, StartRefusesKeysThatShapesDoNotShow) {
  const auto file = io::SafetensorsFile::open(save(tiny(true)));
  models::BrainMTConfig other = tiny(true);
  other.drop_path = 0.5;  // how to train, not what is computed
  models::BrainMT same(other, DType::kF32);
  EXPECT_NO_THROW(start_from(file, same));
  other.num_heads = 2 * tiny(true).num_heads;
  models::BrainMT heads(other, DType::kF32);
  heads.initialise(5);
  const auto kept = heads.parameters().find("cls_token")->value.to_host();
  test::expect_error<DataError>(
      [&] { start_from(file, heads); },
      {"fit in shape", fmt::format("model.num_heads={} (here {})", tiny(true).num_heads, other.num_heads)});
  EXPECT_EQ(heads.parameters().find("cls_token")->value.to_host(), kept);
}

TEST_F(Weights, WhatAnObjectiveLearnedIsNoExtraTensor) {
  const auto path = renamed([](const std::string& name) { return name == "head.bias" ? "objective.x" : name; });
  models::BrainMT model(tiny(true), DType::kF32);
  EXPECT_NO_THROW(load_weights(io::SafetensorsFile::open(path), model, {.allow_missing = true}));
}

}  // namespace
}  // namespace brainmt::run
