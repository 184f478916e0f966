#include "analysis/load_model.hpp"

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
  const models::BrainMTConfig config = train::described_model(file);
  if (config.grid != extents)
    throw DataError(
        fmt::format("{}: the model was made for a grid of {}x{}x{} voxels, {} has {}x{}x{}: prepare the cohort "
                    "on the model's grid",
                    file.path().string(), config.grid[0], config.grid[1], config.grid[2], cohort.path().string(),
                    grid.x, grid.y, grid.z));
  return config;
}

}  // namespace

std::unique_ptr<models::BrainMT> load_model(const io::SafetensorsFile& file,
                                            const std::optional<models::BrainMTConfig>& sizes, const io::Cohort& cohort,
                                            DType activation) {
  auto model = std::make_unique<models::BrainMT>(config_of(file, sizes, cohort), activation);
  train::load_weights(file, model->parameters());
  return model;
}

}  // namespace brainmt::analysis
