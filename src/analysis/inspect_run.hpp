#pragma once
// `inspect` of a run directory: task and data, progress, metrics, files.
#include <filesystem>

#include "analysis/inspection.hpp"

namespace brainmt::analysis {

/// A run directory, also one without config.yaml (checkpoints alone). With `verify` every checkpoint is compared with
/// its manifest. Throws DataError.
Json inspect_run(const std::filesystem::path& path, bool verify);

}  // namespace brainmt::analysis
