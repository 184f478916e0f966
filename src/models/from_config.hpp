#pragma once
// The model that a configuration describes (keys model.* and precision) for the voxel grid of its data.
#include "config/config.hpp"
#include "models/brainmt.hpp"

namespace brainmt::models {

/// grid: X, Y, Z voxels.
BrainMTConfig from_config(const config::Config& config, const std::array<std::int64_t, 3>& grid);

/// Activation type of `precision`.
DType precision_from_config(const config::Config& config);

}  // namespace brainmt::models
