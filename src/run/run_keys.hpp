#pragma once
// Keys of commands that work with a trained model: they default to the run's values.
#include <filesystem>
#include <optional>

#include "config/config.hpp"

namespace brainmt::run {

/// In the folder of a model of `brainmt baseline`: what was fitted (docs/baselines.md).
inline constexpr const char* kBaselineFile = "baseline.json";
bool is_baseline(const std::filesystem::path& directory);

/// The configuration in a run directory; nothing when `run_dir` is empty. Throws UsageError when it holds no run, or a
/// baseline, which has no network.
std::optional<config::Config> config_of_run(const std::filesystem::path& run_dir);
/// The same, of a baseline's folder too (the keys of `brainmt baseline`).
config::Config config_of_result(const std::filesystem::path& directory);

/// The keys given to this command, and for others the values that the run was trained with.
config::Config keys_with_run(config::Config own, const std::optional<config::Config>& run);

}  // namespace brainmt::run
