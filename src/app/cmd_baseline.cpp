// `brainmt baseline`: models that a network must beat, on the same people.
#include "analysis/baseline_run.hpp"
#include "app/build_info.hpp"
#include "app/command_table.hpp"
#include "config/keys.hpp"

namespace brainmt::app {
namespace {

ExitCode run(CommandContext& context) {
  analysis::run_baselines(
      context.config, context.comm,
      {.overrides = context.overrides, .libraries = library_versions(), .overwrite = context.has("overwrite")});
  return ExitCode::kDone;
}

}  // namespace

Command baseline_command() {
  return {.name = "baseline",
          .summary = "mean, confounds, ridge, kernel ridge, logistic regression, trees, on the people of a run",
          .schema = config::baseline_schema,
          .run = run,
          .options = {overwrite_option()},
          .computes = never_computes};
}

}  // namespace brainmt::app
