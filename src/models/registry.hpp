#pragma once
// The families of models. registry.cpp is the only file that lists them: a family is a row there, and its keys.
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "models/model.hpp"

namespace brainmt::models {

struct Family {
  std::string_view name;  // value of model.family
  InputKind input;
  /// Its model.* keys and the rules between them; every family has model.num_frames unless it takes whole scans.
  config::ModelKeys (*keys)();
  /// Parameters are allocated unless memory says otherwise; values are zero. Throws UsageError for impossible sizes.
  std::unique_ptr<Model> (*make)(const config::Config& keys, const DataSpec& data, DType activation,
                                 Model::Memory memory);
  /// What to try where a file's tensors do not fit, from the names of those that are missing, too many, or of another
  /// shape; "" where there is nothing special to say. Null: never.
  std::string (*hint)(const std::vector<std::string>& missing, const std::vector<std::string>& extra,
                      const std::vector<std::string>& misshapen);
};

/// The first one is the default of model.family.
const std::vector<Family>& families();
/// Throws UsageError listing the families.
const Family& family_named(std::string_view name);
const Family& family_of(const config::Config& config);

/// The model.* keys of every family, for the commands' schemas.
std::vector<config::ModelKeys> model_keys();

/// The model of a configuration (keys model.*), made when its data are known.
struct ModelPlan {
  std::string family;
  InputKind input = InputKind::kVolumes;
  std::int64_t frames = 0;  // of a window; 0: whole scans
  std::function<std::unique_ptr<Model>(const DataSpec&, DType activation, Model::Memory)> make{};
  std::function<void(Model&)> tune = [](Model&) {};  // Model::tune with the configuration
};
ModelPlan plan_of(const config::Config& config);

/// What Model::describe() gave, read back. `source` names the file in errors (DataError).
struct Description {
  const Family* family;
  DataSpec data;
  std::map<std::string, config::Value> keys;  // "model.embed_dim": 512, as far as the description has them
};
Description read_description(const std::string& json, const std::string& source);
std::unique_ptr<Model> make_model(const Description& description, DType activation,
                                  Model::Memory memory = Model::Memory::kAllocate);

/// Activation type of `precision`.
DType precision_from_config(const config::Config& config);

}  // namespace brainmt::models
