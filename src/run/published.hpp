#pragma once
// BrainLM as published: a folder with config.json and the weights as safetensors (scripts/convert_brainlm.py makes them
// of pytorch_model.bin). The variant is chosen by model_type and by the names of the tensors, which must agree.
#include <array>
#include <filesystem>
#include <memory>
#include <vector>

#include "io/safetensors.hpp"
#include "models/registry.hpp"

namespace brainmt::run {

struct PublishedModel {
  io::SafetensorsFile file;
  std::unique_ptr<models::Model> model;  // with the file's weights
};

/// `data`: coordinates of the parcels in the order of the file's, and how series are brought to scale. Fixed tables are
/// compared with ours, with a warning in the log where they differ; the unused decoder_pred may be missing. Throws
/// DataError naming what else is missing or not expected, an encoder unlike its decoder, a wrong number of parcels, a
/// setting that is not supported.
PublishedModel read_published(const std::filesystem::path& folder, const models::DataSpec& data);

/// Coordinates in mm, one row a parcel: of a table with columns x, y, z, or of a cohort of parcels.
std::vector<std::array<double, 3>> parcel_coordinates(const std::filesystem::path& path);

}  // namespace brainmt::run
