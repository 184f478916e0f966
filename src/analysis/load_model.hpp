#pragma once
// The model of a weights file, ready to run on a cohort.
#include <filesystem>
#include <memory>
#include <optional>

#include "io/cohort.hpp"
#include "io/safetensors.hpp"
#include "models/brainmt.hpp"

namespace brainmt::analysis {

/// `sizes` describe a file that does not describe its model itself; its grid is the cohort's. Throws DataError when the
/// weights do not fit the model, or the model's grid is not the cohort's.
std::unique_ptr<models::BrainMT> load_model(const io::SafetensorsFile& file,
                                            const std::optional<models::BrainMTConfig>& sizes, const io::Cohort& cohort,
                                            DType activation);

}  // namespace brainmt::analysis
