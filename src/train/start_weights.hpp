#pragma once
// Fine-tuning: training that starts from the weights of another run or a published model, with parts of the model kept
// as they are.
#include <filesystem>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "io/cohort.hpp"
#include "models/model.hpp"
#include "run/load_model.hpp"
#include "run/weights.hpp"
#include "task/task_description.hpp"

namespace brainmt::train {

struct InitSettings {
  std::filesystem::path weights{};    // safetensors; empty: initial values by the seed
  std::vector<std::string> freeze{};  // patterns of parameter names, * for any text

  static InitSettings from_config(const config::Config& config) {
    return {.weights = config.get<std::string>("init.weights"),
            .freeze = config.get<std::vector<std::string>>("init.freeze")};
  }
};

/// Marks the parameters whose names match. Throws UsageError naming a pattern that matches none, and when nothing is
/// left to train.
void freeze(models::Model& model, const std::vector<std::string>& patterns);

struct StartWeights {
  run::Transfer transfer;
  run::DataCheck check;  // the file's data against this cohort

  /// Into the log, by one rank: what was taken, and what was not.
  void log(const std::filesystem::path& file) const;
};

/// Throws what run::start_from() and run::check_data() throw.
StartWeights start_from_file(const std::filesystem::path& file, models::Model& model, const task::TaskDescription& task,
                             const io::Cohort& cohort, bool allow_mismatch);

}  // namespace brainmt::train
