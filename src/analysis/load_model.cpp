#include "analysis/load_model.hpp"

#include <fmt/ranges.h>

#include "base/log.hpp"
#include "train/data_origin.hpp"
#include "train/weights.hpp"

namespace brainmt::analysis {
namespace {

models::BrainMTConfig config_of(const io::SafetensorsFile& file, const std::optional<models::BrainMTConfig>& sizes,
                                const io::Cohort& cohort) {
  const io::CohortGrid& grid = cohort.layout().grid;
  const std::array<std::int64_t, 3> extents{grid.x, grid.y, grid.z};
  if (!file.metadata().contains(train::kModelKey) && sizes) {
    models::BrainMTConfig config = *sizes;
    config.grid = extents;
    return config;
  }
  models::BrainMTConfig config = train::described_model(file);
  if (sizes) config.frame_chunk = sizes->frame_chunk;
  if (config.grid != extents)
    throw DataError(
        fmt::format("{}: the model was made for a grid of {}x{}x{} voxels, {} has {}x{}x{}: prepare the cohort "
                    "on the model's grid",
                    file.path().string(), config.grid[0], config.grid[1], config.grid[2], cohort.path().string(),
                    grid.x, grid.y, grid.z));
  return config;
}

}  // namespace

void DataCheck::log() const {
  for (const std::string& text : mismatches)
    log::warn("data.allow_mismatch: the model was trained on other data: {}", text);
  for (const std::string& text : warnings) log::warn("the model was trained on other data: {}", text);
}

DataCheck check_data(const io::SafetensorsFile& file, const io::Cohort& cohort, bool allow) {
  const auto text = file.metadata().find(train::kDataKey);
  const auto trained = text == file.metadata().end() ? std::nullopt : train::described_origin(text->second);
  if (!trained) {
    log::info("{}: its metadata do not say what it was trained on: space and normalisation of '{}' are not compared",
              file.path().string(), cohort.path().string());
    return {};
  }
  const train::OriginDifferences found = train::compare(*trained, train::origin_of(cohort));
  if (!found.decisive.empty() && !allow)
    throw DataError(fmt::format(
        "{}: the model was trained on other data than '{}': {}: prepare the scans as it was trained, or give "
        "data.allow_mismatch=true",
        file.path().string(), cohort.path().string(), fmt::join(found.decisive, "; ")));
  DataCheck check{.mismatches = found.decisive, .warnings = {}};
  for (const std::string& before : trained->mismatches) check.mismatches.push_back("while it was trained: " + before);
  for (const std::string& other : {found.repetition_time, found.processing})
    if (!other.empty()) check.warnings.push_back(other);
  return check;
}

std::unique_ptr<models::BrainMT> load_model(const io::SafetensorsFile& file,
                                            const std::optional<models::BrainMTConfig>& sizes, const io::Cohort& cohort,
                                            DType activation) {
  auto model = std::make_unique<models::BrainMT>(config_of(file, sizes, cohort), activation);
  train::load_weights(file, model->parameters());
  return model;
}

}  // namespace brainmt::analysis
