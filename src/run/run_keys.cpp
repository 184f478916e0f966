#include "run/run_keys.hpp"

#include "base/error.hpp"
#include "config/keys.hpp"
#include "io/file_kind.hpp"
#include "run/schemas.hpp"

namespace brainmt::run {

namespace fs = std::filesystem;

std::optional<config::Config> config_of_run(const fs::path& run_dir) {
  if (run_dir.empty()) return std::nullopt;
  if (!fs::exists(run_dir / "config.yaml"))
    throw UsageError(
        fmt::format("run.dir={}: expected the directory of a run of 'brainmt train' with its config.yaml, found {}",
                    run_dir.string(), io::kind_of(run_dir).text));
  return config::resolve(train_schema(),
                         {.file = (run_dir / "config.yaml").string(), .overrides = {}, .directories = {}});
}

config::Config keys_with_run(config::Config own, const std::optional<config::Config>& run) {
  if (run) own.fill_from(*run);
  return own;
}

}  // namespace brainmt::run
