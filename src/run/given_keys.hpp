#pragma once
// Checks options of `evaluate` and `embed` that are fixed by the trained model: targets, sizes, and with a run its
// split. An equal value passes, another one is refused; all other options are used.
#include <filesystem>
#include <optional>
#include <string>

#include "config/config.hpp"
#include "io/cohort.hpp"
#include "io/safetensors.hpp"

namespace brainmt::run {

/// Throws UsageError naming every option of `given` with another value than the model of `weights` has, with both
/// values. What it has stands in the metadata of the weights, else in `run`, the configuration that it was trained
/// with. Two names of one column of `cohort` are equal.
void check_given(const config::Config& given, const std::optional<config::Config>& run,
                 const std::filesystem::path& weights, const io::Cohort& cohort);

/// The same of a file with nothing else: `source` is what the user named it with.
void check_given(const config::Config& given, const io::SafetensorsFile& weights, const std::string& source);

/// The same of a run by its configuration alone: throws where `given` differs from `run`. `source` names it in the
/// message.
void check_given(const config::Config& given, const config::Config& run, const std::string& source = "these tasks");

}  // namespace brainmt::run
