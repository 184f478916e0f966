#include "models/registry.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/nearest.hpp"
#include "models/brainlm.hpp"
#include "models/brainlm_vitmae.hpp"
#include "models/brainmt.hpp"
#include "models/brainnetcnn.hpp"

namespace brainmt::models {
namespace {

// Names in a description are those of the keys; window lengths were called `frames` before families came.
std::string json_name(const std::string& key) {
  const std::string name = key.substr(std::string_view("model.").size());
  return name == "num_frames" ? "frames" : name;
}

config::Schema schema_of(const Family& family) {
  const config::ModelKeys keys = family.keys();
  return {"model", keys.keys, {}, keys.rules};
}

}  // namespace

const std::vector<Family>& families() {
  static const std::vector<Family> all{
      {"brainmt", InputKind::kVolumes, brainmt_keys, make_brainmt, brainmt_hint},
      {"brainnetcnn", InputKind::kConnectivity, brainnetcnn_keys, make_brainnetcnn, nullptr},
      {"brainlm", InputKind::kParcels, brainlm_keys, make_brainlm, brainlm_hint},
      {"brainlm_vitmae", InputKind::kParcels, brainlm_vitmae_keys, make_brainlm_vitmae, brainlm_vitmae_hint},
  };
  return all;
}

std::string_view name_of(InputKind kind) {
  switch (kind) {
    case InputKind::kVolumes:
      return "volumes";
    case InputKind::kParcels:
      return "parcels";
    case InputKind::kConnectivity:
      return "connectivity";
  }
  return "?";
}

const Family& family_named(std::string_view name) {
  const auto found = std::ranges::find(families(), name, &Family::name);
  if (found != families().end()) return *found;
  std::vector<std::string> known;
  for (const Family& family : families()) known.emplace_back(family.name);
  throw UsageError(fmt::format("model.family={}: expected one of {}", name, fmt::join(known, ", ")));
}

const Family& family_of(const config::Config& config) { return family_named(config.get<std::string>("model.family")); }

std::vector<config::ModelKeys> model_keys() {
  std::vector<config::ModelKeys> all;
  for (const Family& family : families()) all.push_back(family.keys());
  return all;
}

ModelPlan plan_of(const config::Config& config) {
  const Family& family = family_of(config);
  const bool has_windows = config.schema().find("model.num_frames").has_value();
  return {.family = std::string(family.name),
          .input = family.input,
          .frames = has_windows ? config.get<std::int64_t>("model.num_frames") : 0,
          .make = [config, &family](const DataSpec& data, DType activation,
                                    Model::Memory memory) { return family.make(config, data, activation, memory); },
          .tune = [config](Model& model) { model.tune(config); }};
}

Description read_description(const std::string& text, const std::string& source) {
  const auto refuse = [&](const std::string& why) -> DataError {
    return DataError(fmt::format("{} cannot be read: {}", source, why));
  };
  try {
    const auto json = nlohmann::json::parse(text);
    const auto name = json.value("family", std::string(families().front().name));
    const auto family = std::ranges::find(families(), name, &Family::name);
    if (family == families().end()) throw refuse(fmt::format("its family is '{}': made by a newer version?", name));
    Description result{.family = &*family, .data = {}, .keys = {}};
    json.at("outputs").get_to(result.data.outputs);
    if (family->input == InputKind::kVolumes)
      json.at("grid").get_to(result.data.grid);
    else
      json.at("parcels").get_to(result.data.parcels);
    if (family->input == InputKind::kParcels) {
      json.at("xyz").get_to(result.data.xyz);
      if (json.contains("normalization")) result.data.normalization = normalization_from_json(json["normalization"]);
    }
    const config::Schema schema = schema_of(*family);
    config::Config values(schema);
    for (const config::Key& key : schema.keys()) {
      const auto found = json.find(json_name(key.name));
      if (found == json.end() || found->is_object()) continue;
      const std::string value = found->is_string() ? found->get<std::string>() : found->dump();
      values.set(key.name, config::parse_raw(value), config::Origin::kFile, source);
      result.keys[key.name] = values.value(key.name);
    }
    return result;
  } catch (const nlohmann::json::exception& error) {
    throw refuse(error.what());
  } catch (const UsageError& error) {
    throw refuse(error.what());
  }
}

std::unique_ptr<Model> make_model(const Description& description, DType activation, Model::Memory memory) {
  const config::Schema schema = schema_of(*description.family);
  config::Config config(schema);
  for (const auto& [name, value] : description.keys)
    config.set(name, config::parse_raw(config::to_yaml(value)), config::Origin::kFile, "the model's description");
  return description.family->make(config, description.data, activation, memory);
}

DType precision_from_config(const config::Config& config) {
  return config.get<std::string>("precision") == "bf16" ? DType::kBf16 : DType::kF32;
}

Tensor Model::frame_embeddings(const Tensor&) const {
  throw UsageError(fmt::format("embed.tokens=frames: the model {} has no tokens of frames; leave it out", id()));
}

Shape Model::input_shape(std::int64_t batch) const {
  Shape shape{batch};
  for (const std::int64_t extent : input().sample) shape.push_back(extent);
  return shape;
}

}  // namespace brainmt::models
