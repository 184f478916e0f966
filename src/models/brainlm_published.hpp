#pragma once
// The published configuration of BrainLM (config.json), as a description of registry.hpp.
#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace brainmt::models {

struct PublishedBrainLm {
  std::string config_file, weights_file;                  // for errors
  std::function<bool(const std::string& name)> contains;  // whether the weights have this tensor
  std::int64_t parcels = 0;                               // V, which configurations of the image variant do not say
};

/// {family, parcels, frames, ...} without coordinates and outputs. The variant follows from model_type and from the
/// names of the tensors. Throws DataError where they disagree, the encoder is unlike its decoder, the number of parcels
/// another, or a setting is missing or not supported.
nlohmann::json describe_published_brainlm(const nlohmann::json& config, const PublishedBrainLm& files);

/// Whether nothing uses the tensor in a model of this description, so that a file may lack it.
bool is_unused_tensor(const nlohmann::json& description, const std::string& name);

}  // namespace brainmt::models
