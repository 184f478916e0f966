#include "run/run_keys.hpp"

#include "base/error.hpp"
#include "config/keys.hpp"
#include "io/file_kind.hpp"
#include "run/schemas.hpp"

namespace brainmt::run {

namespace fs = std::filesystem;

namespace {

config::Config resolved(const config::Schema& schema, const fs::path& directory) {
  return config::resolve(schema, {.file = (directory / "config.yaml").string(), .overrides = {}, .directories = {}});
}

void require_config(const fs::path& directory) {
  if (!fs::exists(directory / "config.yaml"))
    throw UsageError(
        fmt::format("run.dir={}: expected the directory of a run of 'brainmt train' with its config.yaml, found {}",
                    directory.string(), io::kind_of(directory).text));
}

}  // namespace

bool is_baseline(const fs::path& directory) {
  std::error_code unknown;
  return fs::exists(directory / kBaselineFile, unknown);
}

std::optional<config::Config> config_of_run(const fs::path& run_dir) {
  if (run_dir.empty()) return std::nullopt;
  require_config(run_dir);
  if (is_baseline(run_dir))
    throw UsageError(
        fmt::format("run.dir={}: a model of 'brainmt baseline', which has no network: its predictions and metrics are "
                    "in the folder; 'brainmt baseline' with split= predicts other people",
                    run_dir.string()));
  return resolved(train_schema(), run_dir);
}

config::Config config_of_result(const fs::path& directory) {
  require_config(directory);
  return resolved(is_baseline(directory) ? config::baseline_schema() : train_schema(), directory);
}

config::Config keys_with_run(config::Config own, const std::optional<config::Config>& run) {
  if (run) own.fill_from(*run);
  return own;
}

}  // namespace brainmt::run
