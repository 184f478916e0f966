#pragma once
// The people of a file of 'brainmt fc' beside those of a study.
#include <filesystem>
#include <string>
#include <vector>

#include "baselines/study.hpp"
#include "task/training_data.hpp"

namespace brainmt::baselines {

/// Throws DataError where `path` is no file of 'brainmt fc'.
void check_is_connectivity(const std::filesystem::path& path);

/// The connectivity of those people of the split whom a study fits or predicts, training people first; `part`: test,
/// val, train or all. Lines for the log: people of the file that the cohort lacks, people of the split that the file
/// lacks. `split_sha256`: of each file that may name this split; connectivity that was fitted on another is refused.
/// Throws DataError.
Connectivity read_connectivity(const std::filesystem::path& path, const task::TrainingData& data,
                               const std::string& part, const std::vector<std::string>& split_sha256,
                               std::vector<std::string>& warnings);

}  // namespace brainmt::baselines
