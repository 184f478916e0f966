#pragma once
// What commands that work with a trained model share: keys that default to those of its run.
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "config/config.hpp"

namespace brainmt::run {

/// A key given to this command, or else the value that the run was trained with.
class RunKeys {
 public:
  /// `own` outlives the object.
  RunKeys(const config::Config& own, std::optional<config::Config> run) : own_(own), run_(std::move(run)) {}

  template <class T>
  T get(const char* name) const {
    return run_ && !own_.is_set(name) ? run_->get<T>(name) : own_.get<T>(name);
  }

 private:
  const config::Config& own_;
  std::optional<config::Config> run_;
};

/// The configuration in a run directory; nothing when `run_dir` is empty. Throws UsageError when it holds no run.
std::optional<config::Config> config_of_run(const std::filesystem::path& run_dir);

}  // namespace brainmt::run
