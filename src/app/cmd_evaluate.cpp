// `brainmt evaluate`: predicts and scores a split with a run's weights, or with any weights file.
#include "app/command_table.hpp"
#include "app/evaluate_run.hpp"
#include "config/keys.hpp"
#include "run/schemas.hpp"

namespace brainmt::app {
namespace {

ExitCode run(CommandContext& context) {
  evaluate_run(context.config, context.comm, context.mpi);
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
