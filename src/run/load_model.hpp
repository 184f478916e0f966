#pragma once
// The model of a weights file, ready to run on a cohort.
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/cohort.hpp"
#include "io/safetensors.hpp"
#include "models/registry.hpp"

namespace brainmt::run {

/// How the cohort differs from what the model was trained on (train/data_origin.hpp).
struct DataCheck {
  std::vector<std::string> mismatches;  // let pass by data.allow_mismatch, now or in training: outputs say so
  std::vector<std::string> warnings;    // another repetition time or preprocessing

  /// Into the log, by one rank.
  void log() const;
};

/// Throws DataError where orientation, origin, normalisation or fill differ and `allow` is false. A file that does not
/// say what it was trained on gives a note in the log.
DataCheck check_data(const io::SafetensorsFile& file, const io::Cohort& cohort, bool allow);

/// `plan` describes a file that does not describe its model itself, which then has `targets` outputs. Its settings of
/// speed and memory hold always. Throws DataError when the weights do not fit the model, or the model's grid is not the
/// cohort's.
std::unique_ptr<models::Model> load_model(const io::SafetensorsFile& file, const std::optional<models::ModelPlan>& plan,
                                          std::size_t targets, const io::Cohort& cohort, DType activation);

}  // namespace brainmt::run
