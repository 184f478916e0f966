#pragma once
// Runs windows of scans through a model without gradients: shared by evaluation, validation and embedding.
#include <cstdint>
#include <functional>
#include <span>

#include "io/window_loader.hpp"
#include "models/model.hpp"

namespace brainmt::train {

struct WindowPass {
  std::int64_t batch = 1;         // windows in one forward pass
  std::int64_t prefetch = 2;      // windows read ahead
  unsigned want = 0;              // models::Want
  std::int64_t first_number = 0;  // of the first window, for masks (models::Pass::samples)
};

/// Runs `windows`, each of the model's number of frames, in their order, and gives each batch's output to `take` with
/// the number of windows in it. Throws DataError when reading fails.
void run_windows(models::Model& model, const io::Cohort& cohort, std::span<const io::WindowRequest> windows,
                 const WindowPass& pass,
                 const std::function<void(const models::Output& output, std::int64_t count)>& take);

}  // namespace brainmt::train
