#include "sweep/submit.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <span>
#include <vector>

#include "base/error.hpp"
#include "config/yaml.hpp"
#include "io/atomic_file.hpp"
#include "io/checksum.hpp"
#include "jobs/process.hpp"
#include "jobs/slurm.hpp"
#include "sweep/status.hpp"

namespace brainmt::sweep {
namespace {

namespace fs = std::filesystem;

constexpr double kSlurmSeconds = 120;

// Where scripts and configs lie: the checkout of a built binary, the share folder of an installed one, BRAINMT_HOME.
fs::path home() {
  std::vector<fs::path> tried;
  if (const char* chosen = std::getenv("BRAINMT_HOME")) tried.emplace_back(chosen);
  for (const fs::path& directory : config::default_directories()) tried.push_back(directory.parent_path());
  for (const fs::path& path : tried) {
    const fs::path whole = fs::absolute(path).lexically_normal();
    if (fs::exists(whole / "scripts/slurm/sweep.sbatch")) return whole;
  }
  throw UsageError("no scripts/slurm/sweep.sbatch found beside the configs folder: set BRAINMT_HOME to the checkout");
}

struct Site {
  fs::path file;                     // empty: none
  std::vector<std::string> options;  // of sbatch
};

Site read_site(const std::string& name) {
  if (name.empty()) return {};
  std::vector<fs::path> directories;
  for (const fs::path& directory : config::default_directories()) directories.push_back(directory / "site");
  Site site{.file = fs::absolute(config::find_file(name, directories, "site")), .options = {}};
  const std::vector<std::string> for_sbatch{"account", "partition", "qos", "constraint"};
  const std::vector<std::string> for_scripts{"launcher", "mpi", "cpu_bind", "modules", "max_restarts"};
  for (const auto& [key, value] : config::read_yaml(site.file)) {
    if (std::ranges::find(for_scripts, key) != for_scripts.end()) continue;
    if (std::ranges::find(for_sbatch, key) == for_sbatch.end() || value.is_list)
      throw UsageError(fmt::format("{}: {}: expected one value of {}, {}", site.file.string(), key,
                                   fmt::join(for_sbatch, ", "), fmt::join(for_scripts, ", ")));
    if (!value.items.front().empty()) site.options.push_back(fmt::format("--{}={}", key, value.items.front()));
  }
  return site;
}

// sbatch replaces %A, %a and others in the name of the log.
std::string without_patterns(const std::string& path) {
  std::string text;
  for (const char c : path) text += c == '%' ? std::string("%%") : std::string(1, c);
  return text;
}

// A command line that a shell would read back as these arguments, for people.
std::string shown(const std::vector<std::string>& arguments) {
  std::string line;
  for (const std::string& argument : arguments) {
    const bool plain = argument.find_first_not_of(
                           "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                           "_-./=:,@%+") == std::string::npos;
    std::string text = argument;
    for (std::size_t at = 0; (at = text.find('\'', at)) != std::string::npos; at += 4) text.replace(at, 1, "'\\''");
    line += (line.empty() ? "" : " ") + (plain ? argument : "'" + text + "'");
  }
  return line;
}

// Program that a job calls. In an archive of scripts/bundle.sh it is a wrapper script that sets the library path.
std::string program() {
  if (const char* script = std::getenv("BRAINMT_STARTED_AS")) return script;
  std::error_code failed;
  return fs::read_symlink("/proc/self/exe", failed).string();
}

class Submission {
 public:
  Submission(const config::Config& options, const Plan& plan, bool dry_run)
      : plan_(plan),
        dry_run_(dry_run),
        home_(home()),
        site_(read_site(options.get<std::string>("site"))),
        warning_(options.get<int>("warning")),
        environment_(jobs::clean_environment()) {
    environment_.push_back("BRAINMT_HOME=" + home_.string());
    environment_.push_back("BRAINMT=" + program());
    if (!site_.file.empty()) environment_.push_back("BRAINMT_SITE=" + site_.file.string());
  }

  void run() {
    const std::vector<std::string> tasks = to_do();
    if (tasks.empty()) {
      fmt::print("sweep {}: nothing to submit: every task is done, queued or running\n", plan_.sweep.name);
      return;
    }
    if (!dry_run_) make_folders();
    const std::size_t max_tasks = largest_array();
    for (std::size_t begin = 0; begin < tasks.size(); begin += max_tasks) {
      const auto end = tasks.begin() + static_cast<std::ptrdiff_t>(std::min(begin + max_tasks, tasks.size()));
      submit_array({tasks.begin() + static_cast<std::ptrdiff_t>(begin), end});
    }
    submit_collector();
  }

 private:
  std::vector<std::string> to_do() const {
    std::vector<std::string> tasks;
    const auto states = task_states(plan_);
    for (const jobs::ManifestRow* row : plan_.distinct())
      if (jobs::needs_run(states[row->index].outcome, states[row->index].alive)) tasks.push_back(row->task);
    return tasks;
  }

  void make_folders() const {
    std::error_code error;
    for (const char* name : {"lists", "logs"}) fs::create_directories(plan_.out / name, error);
    if (error) throw OutputError(fmt::format("out={}: cannot be made: {}", plan_.out.string(), error.message()));
  }

  std::size_t largest_array() const {
    if (dry_run_) return jobs::parse_largest_array("");
    const auto result = jobs::run_process({"scontrol", "show", "config"}, environment_, kSlurmSeconds);
    if (result.exit_code != 0) throw CommError(fmt::format("scontrol show config: {}", result.errors));
    return jobs::parse_largest_array(result.output);
  }

  jobs::ArrayJob job(const char* script, const std::string& log) const {
    return {.name = plan_.sweep.name,
            .script = home_ / "scripts/slurm" / script,
            .arguments = {plan_.out.string()},
            .tasks = 0,
            .log = without_patterns((plan_.out / "logs").string()) + "/" + log,
            .resources = plan_.sweep.resources,
            .warning_seconds = warning_,
            .site = site_.options,
            .dependencies = {}};
  }

  // Returns the job's number.
  std::string submit(const std::vector<std::string>& arguments) const {
    if (dry_run_) {
      fmt::print("{}\n", shown(arguments));
      return "JOB";
    }
    const auto result = jobs::run_process(arguments, environment_, kSlurmSeconds);
    if (result.exit_code != 0)
      throw CommError(fmt::format("sbatch refused the job ({}): check resources of the sweep file and the site",
                                  result.errors.substr(0, result.errors.find('\n'))));
    return jobs::parse_job_id(result.output);
  }

  // A list is named by its content and never written over: queued jobs read it when they start.
  void submit_array(const std::vector<std::string>& tasks) {
    std::string text;
    for (const std::string& task : tasks) text += task + "\n";
    const fs::path list = plan_.out / "lists" / (io::sha256(std::as_bytes(std::span(text))).substr(0, 16) + ".txt");
    if (!dry_run_) io::write_atomically(list, text);
    jobs::ArrayJob array = job("sweep.sbatch", "%A_%a.log");
    array.tasks = tasks.size();
    array.arguments.push_back(list.string());
    const std::string id = submit(jobs::sbatch_arguments(array));
    if (!dry_run_) append_submitted(plan_.out, {id, tasks});
    dependencies_.push_back("afterany:" + id);
    fmt::print("array {}: {} tasks\n", id, tasks.size());
  }

  void submit_collector() {
    jobs::ArrayJob collector = job("collect.sbatch", "collect-%j.log");
    collector.name += "-collect";
    collector.resources = {};  // one rank
    collector.dependencies = dependencies_;
    fmt::print("collector {}: starts when they have ended\n", submit(jobs::sbatch_single_arguments(collector)));
  }

  const Plan& plan_;
  bool dry_run_;
  fs::path home_;
  Site site_;
  int warning_;
  std::vector<std::string> environment_, dependencies_;
};

}  // namespace

void submit(const config::Config& options, const Plan& plan, bool dry_run) { Submission(options, plan, dry_run).run(); }

}  // namespace brainmt::sweep
