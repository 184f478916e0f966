#include "jobs/slurm.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>

#include "base/error.hpp"

namespace brainmt::jobs {
namespace {

std::optional<std::size_t> number(std::string_view text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// What single jobs and arrays have in common, up to the script and its arguments.
std::vector<std::string> common_arguments(const ArrayJob& job) {
  std::vector<std::string> all{"sbatch",
                               "--parsable",
                               "--job-name=" + job.name,
                               "--open-mode=append",
                               "--output=" + job.log.string(),
                               "--time=" + job.resources.time,
                               fmt::format("--nodes={}", job.resources.nodes),
                               fmt::format("--ntasks={}", job.resources.ranks),
                               fmt::format("--cpus-per-task={}", job.resources.cpus),
                               "--mem=" + job.resources.memory};
  if (job.resources.gpus > 0) all.push_back(fmt::format("--gpus-per-task={}", job.resources.gpus));
  if (!job.dependencies.empty()) {
    std::string text;
    for (const std::string& one : job.dependencies) text += (text.empty() ? "" : ",") + one;
    all.push_back("--dependency=" + text);
    all.push_back("--kill-on-invalid-dep=yes");
  }
  all.insert(all.end(), job.site.begin(), job.site.end());
  return all;
}

void append_script(std::vector<std::string>& all, const ArrayJob& job) {
  all.push_back(job.script.string());
  all.insert(all.end(), job.arguments.begin(), job.arguments.end());
}

}  // namespace

std::vector<std::string> sbatch_arguments(const ArrayJob& job) {
  BRAINMT_CHECK(job.tasks > 0, "an array job without tasks");
  auto all = common_arguments(job);
  std::string array = fmt::format("--array=0-{}", job.tasks - 1);
  if (job.resources.throttle > 0) array += fmt::format("%{}", job.resources.throttle);
  all.push_back(array);
  all.push_back("--requeue");
  // To the batch shell (B:), which passes it on: a signal to the steps alone would not reach mpirun's children.
  all.push_back(fmt::format("--signal=B:USR1@{}", job.warning_seconds));
  append_script(all, job);
  return all;
}

std::vector<std::string> sbatch_single_arguments(const ArrayJob& job) {
  auto all = common_arguments(job);
  append_script(all, job);
  return all;
}

std::string parse_job_id(const std::string& printed) {
  std::string id = printed.substr(0, printed.find_first_of(";\n"));
  if (!number(id)) throw CommError(fmt::format("sbatch printed '{}', expected a job's number", id));
  return id;
}

std::string compress(const std::vector<std::size_t>& indices) {
  std::vector<std::size_t> sorted(indices);
  std::ranges::sort(sorted);
  std::string text;
  for (std::size_t i = 0; i < sorted.size();) {
    std::size_t end = i + 1;
    while (end < sorted.size() && sorted[end] == sorted[end - 1] + 1) ++end;
    text += fmt::format("{}{}", text.empty() ? "" : ",", sorted[i]);
    if (end - i > 1) text += fmt::format("-{}", sorted[end - 1]);
    i = end;
  }
  return text;
}

std::vector<std::size_t> expand_indices(const std::string& text) {
  std::vector<std::size_t> indices;
  std::istringstream parts(text.substr(0, text.find('%')));
  std::string part;
  while (std::getline(parts, part, ',')) {
    const std::size_t dash = part.find('-');
    const auto first = number(part.substr(0, dash));
    const auto last = dash == std::string::npos ? first : number(part.substr(dash + 1));
    if (!first || !last || *last < *first || *last - *first > kMaxTasks)
      throw CommError(fmt::format("'{}' is no list of array indices", text));
    for (std::size_t i = *first; i <= *last; ++i) indices.push_back(i);
  }
  return indices;
}

std::map<QueuedTask, std::string> parse_queue(const std::string& printed) {
  std::map<QueuedTask, std::string> states;
  std::istringstream lines(printed);
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string job, index, state;
    if (!(words >> job >> index >> state) || !number(job)) continue;
    if (const auto task = number(index)) states[{job, *task}] = state;
  }
  return states;
}

std::size_t parse_largest_array(const std::string& printed) {
  constexpr std::size_t kSlurmDefault = 1001;
  std::istringstream lines(printed);
  std::string line;
  while (std::getline(lines, line)) {
    if (!line.starts_with("MaxArraySize")) continue;
    const std::size_t digits = line.find_first_of("0123456789");
    if (digits == std::string::npos) break;
    return number(line.substr(digits)).value_or(kSlurmDefault);
  }
  return kSlurmDefault;
}

}  // namespace brainmt::jobs
