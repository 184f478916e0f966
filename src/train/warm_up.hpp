#pragma once
// Warm-up: runs the operations of a run once, on zeros.
#include "models/model.hpp"

namespace brainmt::train {

/// A forward and a backward pass of `batch` windows, and a forward pass of `validation_batch`, in the activation type.
/// Parameters stay as they are; their gradients are zero afterwards.
void warm_up(models::Model& model, std::int64_t batch, std::int64_t validation_batch, DType activation);

}  // namespace brainmt::train
