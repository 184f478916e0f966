#pragma once
// Predictions of subjects: the model's outputs averaged over all windows of all scans of a subject. Windows are split
// over ranks; every rank gets the same result.
#include <cstdint>
#include <vector>

#include "comm/communicator.hpp"
#include "config/config.hpp"
#include "models/model.hpp"
#include "task/dataset.hpp"

namespace brainmt::train {

struct PredictSettings {
  std::int64_t stride = 0;  // frames between the starts of two windows; 0: the window's length
  std::int64_t batch = 1;   // windows in one forward pass
  std::int64_t prefetch = 2;

  /// eval.stride, eval.batch_size (`default_batch` where it is 0), data.prefetch.
  static PredictSettings from_config(const config::Config& config, std::int64_t default_batch = 1);
};

struct SubjectOutput {
  std::size_t subject = 0;        // index in the data set
  std::int64_t windows = 0;       // of all its scans
  std::vector<double> outputs{};  // of each target: a logit, or a scaled value
};

/// Collective. `subjects` are indices in the data set, the same on every rank; the result is in their order. The bits
/// depend on the number of ranks only where `batch` is larger than 1.
std::vector<SubjectOutput> predict(models::Model& model, const task::Dataset& data,
                                   const std::vector<std::size_t>& subjects, const PredictSettings& settings,
                                   comm::Communicator& comm);

}  // namespace brainmt::train
