// brainmt bench NAME: time, bytes, FLOPs and the fraction of what this machine can do, measured in the same run.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/command_table.hpp"
#include "base/log.hpp"
#include "bench/bench.hpp"
#include "io/atomic_file.hpp"
#include "run/outputs.hpp"

namespace brainmt::app {
namespace {

const bench::NamedBenchmark& find_benchmark(const std::string& name) {
  const auto& all = bench::all_benchmarks();
  const auto it = std::find_if(all.begin(), all.end(), [&](const auto& b) { return b.name == name; });
  if (it != all.end()) return *it;
  std::string known;
  for (const auto& b : all) known += fmt::format("{}{}", known.empty() ? "" : ", ", b.name);
  throw UsageError(fmt::format("bench: no benchmark '{}'; there are {}", name, known));
}

ExitCode run(CommandContext& context) {
  const bench::NamedBenchmark& benchmark = find_benchmark(context.operands.at(0));
  if (context.has("json"))
    run::check_outputs({.files = {{"--json", context.options.at("json"),
                                   run::json_kind("a report of 'brainmt bench'", {"title", "rows", "values"})}}},
                       context.comm);
  const bench::Report report = benchmark.run(context.config, context.comm);
  if (!context.is_root()) return ExitCode::kDone;
  std::fputs(report.table().c_str(), stdout);
  if (context.has("json")) io::write_atomically(context.options.at("json"), report.json().dump(2) + "\n");
  return ExitCode::kDone;
}

}  // namespace

Command bench_command() {
  std::string names;
  std::vector<std::string> words;
  for (const auto& b : bench::all_benchmarks()) words.push_back(b.name);
  for (const auto& b : bench::all_benchmarks())
    names += fmt::format("{}{} ({})", names.empty() ? "" : "; ", b.name, b.summary);
  return {.name = "bench",
          .summary = "time, bytes, FLOPs and fraction of the measured limit",
          .schema = bench::schema,
          .run = run,
          .operands = {"NAME", names, 1, 1, words},
          .options = {{"json", "FILE", "also write the report as JSON"},
                      {"with-step", "", "io: the same as with_step=true", "with_step=true"},
                      {"profile", "", "step: the same as profile=true", "profile=true"}}};
}

}  // namespace brainmt::app
