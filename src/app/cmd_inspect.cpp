// `brainmt inspect PATH`: describes a cohort, embeddings, a weights file or a run directory. Rank 0 does the work.
#include <fmt/format.h>

#include "analysis/inspection.hpp"
#include "app/command_table.hpp"
#include "comm/agreement.hpp"

namespace brainmt::app {
namespace {

const config::Schema& schema() {
  static const config::Schema none(
      "inspect", {}, {}, {}, {.examples = {"brainmt inspect cohort.h5", "brainmt inspect --verify --json runs/sex"}});
  return none;
}

ExitCode run(CommandContext& context) {
  comm::run_agreed(context.comm, [&] {
    if (!context.is_root()) return;
    const std::string& path = context.operands.front();
    const bool quarantine = context.has("quarantine");
    if (quarantine && !context.has("verify"))
      throw UsageError("'inspect' --quarantine needs --verify, which finds the scans");
    const analysis::Json description = analysis::inspect_path(path, context.has("verify"), quarantine);
    fmt::print("{}", context.has("json") ? description.dump(2) + "\n" : analysis::to_lines(description));
    if (!description.contains("damaged")) return;
    throw DataError(fmt::format("'{}': {} of {} scans are damaged, as listed; {}", path, description["damaged"].size(),
                                description["scans"].get<std::size_t>(),
                                quarantine ? "they are left out of use from now on; copying or making the file again "
                                             "would bring them back"
                                           : "copy or make it again, or leave them out with --quarantine"));
  });
  return ExitCode::kDone;
}

}  // namespace

Command inspect_command() {
  return {
      .name = "inspect",
      .summary = "describes a cohort, embeddings, a weights file or a run directory",
      .schema = schema,
      .run = run,
      .operands = {.usage = "PATH",
                   .help = "cohort (.h5), weights (.safetensors) or run directory",
                   .min = 1,
                   .max = 1},
      .options =
          {{.name = "verify", .value_name = {}, .help = "check every checksum, and that weights are finite"},
           {.name = "quarantine",
            .value_name = {},
            .help =
                "with --verify: list damaged scans of a cohort in PATH.quarantine.tsv, which leaves them out of use"},
           {.name = "json", .value_name = {}, .help = "print JSON"}},
      .computes = never_computes};
}

}  // namespace brainmt::app
