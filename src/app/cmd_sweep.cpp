// `brainmt sweep`: many runs that differ in a few keys, planned, run here or as a Slurm job array, and collected.
#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <string_view>

#include "app/build_info.hpp"
#include "app/command_table.hpp"
#include "base/nearest.hpp"
#include "comm/agreement.hpp"
#include "config/keys.hpp"
#include "sweep/plan.hpp"
#include "sweep/results.hpp"
#include "sweep/run.hpp"
#include "sweep/status.hpp"
#include "sweep/submit.hpp"

namespace brainmt::app {
namespace {

// The plan in `out`, made now where the command line names a sweep file or there is none yet. Rank 0 makes it.
sweep::Plan plan_of(CommandContext& context, bool anew) {
  const std::string out = context.config.get<std::string>("out");
  const bool missing = !std::filesystem::exists(std::filesystem::path(out) / "sweep.tsv");
  std::optional<sweep::Plan> plan;
  comm::run_agreed(context.comm, [&] {
    if (!context.is_root()) return;
    if (anew || context.config.is_set("sweep") || (missing && !context.config.is_set("index"))) {
      plan.emplace(sweep::make_plan(context.config));
    } else {
      plan.emplace(sweep::load_plan(out));
    }
  });
  comm::run_agreed(context.comm, [&] {
    if (!plan) plan.emplace(sweep::load_plan(out));
  });
  return *plan;
}

ExitCode run_action(CommandContext& context) {
  const config::Config& config = context.config;
  const bool one = config.get<std::int64_t>("index") >= 0 || config.is_set("list");
  const sweep::Plan plan = one ? sweep::load_plan(config.get<std::string>("out")) : plan_of(context, false);
  if (!one) return sweep::run_all(config, context.comm, plan);
  return sweep::run_task({context.comm, context.mpi, library_versions()}, plan, sweep::chosen_row(config, plan));
}

void on_root(CommandContext& context, const std::function<void()>& work) {
  comm::run_agreed(context.comm, [&] {
    if (context.is_root()) work();
  });
}

ExitCode plan_action(CommandContext& context) {
  plan_of(context, true);
  return ExitCode::kDone;
}

ExitCode status_action(CommandContext& context) {
  on_root(context,
          [&] { sweep::print_status(sweep::load_plan(context.config.get<std::string>("out")), context.has("json")); });
  return ExitCode::kDone;
}

ExitCode submit_action(CommandContext& context) {
  const sweep::Plan plan = plan_of(context, false);
  on_root(context, [&] { sweep::submit(context.config, plan, context.has("dry-run")); });
  return ExitCode::kDone;
}

ExitCode collect_action(CommandContext& context) {
  on_root(context, [&] { sweep::collect(context.config, sweep::load_plan(context.config.get<std::string>("out"))); });
  return ExitCode::kDone;
}

using Action = ExitCode (*)(CommandContext&);
constexpr std::array<std::pair<std::string_view, Action>, 5> kActions{{{"plan", plan_action},
                                                                       {"submit", submit_action},
                                                                       {"run", run_action},
                                                                       {"status", status_action},
                                                                       {"collect", collect_action}}};

ExitCode run(CommandContext& context) {
  const std::string& name = context.operands.front();
  const auto found = std::ranges::find(kActions, name, &std::pair<std::string_view, Action>::first);
  if (found != kActions.end()) return found->second(context);
  std::vector<std::string> names;
  for (const auto& action : kActions) names.emplace_back(action.first);
  const std::string nearest = nearest_name(name, names);
  throw UsageError(fmt::format("sweep: no action '{}'{}; see 'brainmt sweep --help'", name,
                               nearest.empty() ? "" : fmt::format(", did you mean '{}'?", nearest)));
}

}  // namespace

Command sweep_command() {
  return {.name = "sweep",
          .summary = "plan a grid of runs, run it here or as a Slurm job array, follow it, collect its results",
          .schema = config::sweep_schema,
          .run = run,
          .operands = {.usage = "ACTION",
                       .help = "plan: check every task and write the table of them; submit: hand what is not done "
                               "to Slurm; run: train and evaluate what is not "
                               "done, here; status: what has become of each task; collect: one table with intervals",
                       .min = 1,
                       .max = 1,
                       .words = {"plan", "submit", "run", "status", "collect"}},
          .options = {{"json", "", "status: print JSON"},
                      {"dry-run", "", "submit: print the command lines, submit nothing"}},
          .computes = [](const std::vector<std::string>& operands, bool) { return operands.front() == "run"; },
          .stops_itself = [](const std::vector<std::string>& operands) { return operands.front() == "run"; }};
}

}  // namespace brainmt::app
