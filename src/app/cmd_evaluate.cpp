// `brainmt evaluate`: predicts and scores a split with a run's weights, or with any weights file.
#include "analysis/evaluate_run.hpp"
#include "app/command_table.hpp"
#include "config/keys.hpp"
#include "run/schemas.hpp"

namespace brainmt::app {
namespace {

ExitCode run(CommandContext& context) {
  analysis::evaluate_run(context.config, context.comm, context.mpi);
  return ExitCode::kDone;
}

}  // namespace

Command evaluate_command() {
  return {.name = "evaluate",
          .summary = "predict and score a split, one averaged output per subject",
          .schema = run::evaluate_schema,
          .run = run};
}

}  // namespace brainmt::app
