#pragma once
// What `inspect` says about a run directory: what is trained on what, how far it is and how good, then its files.
#include <filesystem>

#include "analysis/inspection.hpp"

namespace brainmt::analysis {

/// A run directory, also one without config.yaml (checkpoints alone). With `verify` every checkpoint is compared with
/// its manifest. Throws DataError.
Json inspect_run(const std::filesystem::path& path, bool verify);

}  // namespace brainmt::analysis
