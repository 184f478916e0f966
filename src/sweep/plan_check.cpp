#include "sweep/plan_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/duration.hpp"
#include "base/log.hpp"
#include "jobs/limits.hpp"

namespace brainmt::sweep {
namespace {

constexpr double kMebibyte = 1 << 20;

// Memory of a program besides the model's arrays: libraries, prefetched windows, MPI buffers.
constexpr double kProgramBytes = 256 * kMebibyte;

// The identity without what changes neither sizes nor the choice of subjects.
std::string estimate_key(const config::Config& config) {
  std::istringstream lines(config.identity());
  std::string line, key;
  bool skipped = false;
  while (std::getline(lines, line)) {
    if (!line.starts_with("  ")) skipped = line.starts_with("optimizer:") || line.starts_with("scheduler:");
    if (skipped || line.starts_with("  seed:") || line.starts_with("  fold:")) continue;
    key += line + "\n";
  }
  return config.get<std::string>("data.cohort") + "\n" + config.get<std::string>("data.split_file") + "\n" +
         config.get<std::string>("model.recompute") + "\n" + key;
}

}  // namespace

const io::Cohort& PlanCheck::cohort(const std::string& path) { return cohorts_.try_emplace(path, path).first->second; }

const train::RunEstimate& PlanCheck::estimate(const config::Config& config, const io::Cohort& cohort) {
  // Also when the estimate is known already: this finds keys that conflict with each other.
  train::TrainSettings settings = train::TrainSettings::from_config(config, sweep_.resources.ranks);
  const std::string key = estimate_key(config);
  const auto found = estimates_.find(key);
  if (found != estimates_.end()) return found->second;
  settings.split.run_dir.clear();
  return estimates_.emplace(key, train::estimate(settings, cohort, sweep_.resources.ranks)).first->second;
}

std::string PlanCheck::add(const config::Config& config) {
  const io::Cohort& data = cohort(config.get<std::string>("data.cohort"));
  const train::RunEstimate& e = estimate(config, data);
  const jobs::Resources& r = sweep_.resources;
  const double per_rank = e.parameter_bytes + e.activation_bytes + kProgramBytes;
  needs_.push_back(
      {.bytes = per_rank * r.ranks / r.nodes, .seconds = e.operations / (speed_ * 1e9 * r.ranks), .estimate = e});
  return task_name(config, sweep_, data, e.data_sha256);
}

std::vector<std::string> PlanCheck::warnings() const {
  const jobs::Resources& r = sweep_.resources;
  const double memory = jobs::bytes_of(r.memory), time = jobs::seconds_of(r.time);
  std::vector<std::string> all;
  const auto add = [&](auto is_over, const std::string& what) {
    const auto over = std::ranges::count_if(needs_, is_over);
    if (over > 0) all.push_back(fmt::format("{} of {} tasks {}", over, needs_.size(), what));
  };
  const auto max_of = [&](double Need::*field) { return (*std::ranges::max_element(needs_, {}, field)).*field; };
  add([&](const Need& need) { return need.bytes > memory; },
      fmt::format("may need more than resources.memory={}: up to about {:.0f} MiB a node", r.memory,
                  max_of(&Need::bytes) / kMebibyte));
  add([&](const Need& need) { return need.seconds > time; },
      fmt::format("may take longer than resources.time={}: up to about {} (at speed={} GFLOP/s a rank); they continue "
                  "after each limit, but every restart costs time",
                  r.time, duration_text(max_of(&Need::seconds)), speed_));
  return all;
}

nlohmann::ordered_json PlanCheck::to_json(const Plan& plan) const {
  nlohmann::ordered_json tasks = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < needs_.size(); ++i) {
    const train::RunEstimate& e = needs_[i].estimate;
    tasks.push_back({{"index", i},
                     {"task", plan.manifest.rows[i].task},
                     {"subjects", e.subjects},
                     {"parameters", e.parameters},
                     {"model", std::map<std::string, std::string>(e.facts.begin(), e.facts.end())},
                     {"steps", e.steps},
                     {"memory_mib_per_node", std::round(needs_[i].bytes / kMebibyte)},
                     {"seconds", std::round(needs_[i].seconds)}});
  }
  return {{"format", "brainmt-sweep-plan"},
          {"version", 1},
          {"name", plan.sweep.name},
          {"ranks", plan.sweep.resources.ranks},
          {"distinct_runs", plan.distinct().size()},
          {"warnings", warnings()},
          {"tasks", std::move(tasks)}};
}

void PlanCheck::print(const Plan& plan) const {
  for (const std::string& warning : warnings()) log::warn("{}", warning);
  double total = 0, largest = 0;
  for (const Need& need : needs_) total += need.seconds, largest = std::max(largest, need.bytes);
  fmt::print("sweep        {}: {} tasks, {} distinct runs\n", plan.sweep.name, needs_.size(), plan.distinct().size());
  const auto counted = [](auto count, std::string_view noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
  };
  fmt::print("each         {} on {}, up to about {:.0f} MiB a node; all together about {}\n",
             counted(plan.sweep.resources.ranks, "rank"), counted(plan.sweep.resources.nodes, "node"),
             largest / kMebibyte, duration_text(total));
  fmt::print("written      {}\n", (plan.out / "sweep.tsv").string());
}

}  // namespace brainmt::sweep
