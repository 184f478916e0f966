#pragma once
// A plan of a model with given sizes, for settings of training.
#include "models/brainmt.hpp"
#include "models/registry.hpp"

namespace brainmt::test {

inline models::ModelPlan plan_of(const models::BrainMTConfig& sizes) {
  return {.family = "brainmt",
          .frames = sizes.frames,
          .make = [sizes](const models::DataSpec& data, DType activation, models::Model::Memory memory) {
            models::BrainMTConfig config = sizes;
            config.grid = data.grid;
            config.outputs = data.outputs;
            return std::make_unique<models::BrainMT>(config, activation, memory);
          }};
}

}  // namespace brainmt::test
