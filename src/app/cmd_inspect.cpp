// `brainmt inspect PATH`: describes a cohort, a weights file or a run directory. Rank 0 does the work.
#include <fmt/format.h>

#include "app/command_table.hpp"
#include "app/inspection.hpp"
#include "comm/agreement.hpp"

namespace brainmt::app {
namespace {

const config::Schema& schema() {
  static const config::Schema none("inspect", {});
  return none;
}

ExitCode run(CommandContext& context) {
  comm::run_agreed(context.comm, [&] {
    if (!context.is_root()) return;
    const Json description = inspect_path(context.operands.front(), context.has("verify"));
    fmt::print("{}", context.has("json") ? description.dump(2) + "\n" : to_lines(description));
  });
  return ExitCode::kDone;
}

}  // namespace

Command inspect_command() {
  return {.name = "inspect",
          .summary = "describes a cohort, a weights file or a run directory",
          .schema = schema,
          .run = run,
          .operands = {.usage = "PATH",
                       .help = "cohort (.h5), weights (.safetensors) or run directory",
                       .least = 1,
                       .most = 1},
          .options = {{.name = "verify", .value_name = {}, .help = "check every checksum, and that weights are finite"},
                      {.name = "json", .value_name = {}, .help = "print JSON"}}};
}

}  // namespace brainmt::app
