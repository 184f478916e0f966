#pragma once
// The people of a file of 'brainmt fc' beside those of a study.
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "baselines/study.hpp"
#include "task/training_data.hpp"

namespace brainmt::baselines {

/// Throws DataError where `path` is no file of 'brainmt fc'.
void check_is_connectivity(const std::filesystem::path& path);

/// Who of the people of a split is in a file of connectivity.
struct SharedPeople {
  std::map<std::string, std::size_t> row_of;       // in the file
  std::vector<std::string> found, missing, empty;  // of the split, training people first; empty: no edge is known
  std::vector<std::string> unknown;                // of the file: the cohort lacks them
};

/// Before anything is fitted: throws DataError where the file was fitted on another split, where its cohort, scans,
/// frames or motion differ from those of the cohort of `data` as far as both are known, or where fewer than half of the
/// people of the split are in it. Arguments as of read_connectivity().
SharedPeople check_connectivity(const std::filesystem::path& path, const task::TrainingData& data,
                                const std::string& part, const std::vector<std::string>& split_sha256);

/// The connectivity of those people of the split whom a study fits or predicts, training people first; `part`: test,
/// val, train or all. Lines for the log: people of the file that the cohort lacks, people of the split that the file
/// lacks. `split_sha256`: of each file that may name this split. Throws as check_connectivity().
Connectivity read_connectivity(const std::filesystem::path& path, const task::TrainingData& data,
                               const std::string& part, const std::vector<std::string>& split_sha256,
                               std::vector<std::string>& warnings);

}  // namespace brainmt::baselines
