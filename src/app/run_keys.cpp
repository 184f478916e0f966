#include "app/run_keys.hpp"

#include "base/error.hpp"
#include "config/keys.hpp"

namespace brainmt::app {

namespace fs = std::filesystem;

std::optional<config::Config> config_of_run(const fs::path& run_dir) {
  if (run_dir.empty()) return std::nullopt;
  if (!fs::exists(run_dir / "config.yaml"))
    throw UsageError(fmt::format("run.dir={}: no config.yaml in it: expected the directory of a run of 'brainmt train'",
                                 run_dir.string()));
  return config::resolve(config::train_schema(),
                         {.file = (run_dir / "config.yaml").string(), .overrides = {}, .directories = {}});
}

std::optional<train::Part> part_of(const std::string& name) {
  for (const train::Part part : train::kParts)
    if (train::name_of(part) == name) return part;
  return std::nullopt;
}

}  // namespace brainmt::app
