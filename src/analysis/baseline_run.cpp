#include "analysis/baseline_run.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <list>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "analysis/baseline_files.hpp"
#include "analysis/result_files.hpp"
#include "analysis/shown_numbers.hpp"
#include "base/log.hpp"
#include "base/version.hpp"
#include "baselines/fc_people.hpp"
#include "comm/agreement.hpp"
#include "config/keys.hpp"
#include "io/checksum.hpp"
#include "io/table.hpp"
#include "run/data_origin.hpp"
#include "run/given_keys.hpp"
#include "run/run_keys.hpp"
#include "task/split_text.hpp"

namespace brainmt::analysis {
namespace {

namespace fs = std::filesystem;

// A folder that may not be there yet: taken back where it is still empty.
class NewFolder {
 public:
  explicit NewFolder(fs::path path) : path_(std::move(path)) {
    std::error_code unknown;
    existed_ = fs::exists(fs::symlink_status(path_, unknown));
  }
  ~NewFolder() {
    std::error_code ignored;
    if (!existed_) fs::remove(path_, ignored);
  }
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

 private:
  fs::path path_;
  bool existed_ = false;
};

// Rank 0 works; the others look now and then whether it is done, so that its threads have the cores.
void on_root(comm::Communicator& comm, const std::function<void()>& work) {
  constexpr std::chrono::milliseconds kPause{5};
  std::exception_ptr failure;
  if (comm.rank() == 0) {
    try {
      work();
    } catch (...) {
      failure = std::current_exception();
    }
  }
  std::int64_t done = 1;
  comm::Request all = comm.all_reduce_async(&done, 1, comm::DataType::kInt64, comm::ReduceOp::kSum);
  while (!all.test()) std::this_thread::sleep_for(kPause);
  comm::agree_on_error(comm, failure);
}

task::SplitSettings split_of(const config::Config& keys, const fs::path& run_dir) {
  task::SplitSettings split{
      .file = keys.get<std::string>("data.split_file"), .run_dir = {}, .plan = task::SplitPlan::from_config(keys)};
  if (split.file.empty() && !run_dir.empty()) split.file = run_dir / "split.json";
  return split;
}

// The keys given here, and those of the run, which must not contradict each other.
config::Config keys_of(const config::Config& config, const fs::path& run_dir) {
  const std::optional<config::Config> run = run::config_of_run(run_dir);
  if (run) run::check_given(config, *run, fmt::format("run.dir={}", run_dir.string()));
  config::Config keys = run::keys_with_run(config, run);
  if (run && config.get<std::string>("out").empty())
    keys.set("out", {{(run_dir / "baselines").string()}, false}, config::Origin::kOverride, "run.dir");
  return keys;
}

// Is the metric the one that people look at first?
bool is_first(const std::string& metric) { return metric == "auroc" || metric == "pearson_r"; }

void log_people(const task::TrainingData& data) {
  log::info("{} train, {} val, {} test participants", data.part(task::Part::kTrain).size(),
            data.part(task::Part::kVal).size(), data.part(task::Part::kTest).size());
  for (const std::string& warning : data.warnings) log::warn("{}", warning);
}

BaselineContext context_of(const config::Config& keys, const BaselineCall& call, int ranks,
                           const task::TrainingData& data) {
  const std::string text = task::split_text(data.split);
  run::StartRecord start{.config_yaml = {},
                         .overrides = call.overrides,
                         .version = brainmt::version(),
                         .revision = brainmt::git_revision(),
                         .compiler = brainmt::compiler(),
                         .libraries = call.libraries,
                         .precision = "double",
                         .ranks = ranks,
                         .hosts = {run::host_name()}};
  return {.out = keys.get<std::string>("out"),
          .config = keys,
          .start = std::move(start),
          .split = keys.get<std::string>("split"),
          .split_sha256 = io::sha256(std::as_bytes(std::span(text))),
          .connectivity = {},
          .bootstrap = {.seed = static_cast<std::uint64_t>(keys.get<std::int64_t>("run.seed")),
                        .resamples = keys.get<int>("bootstrap")},
          .permutations = keys.get<int>("permutations"),
          .overwrite = call.overwrite,
          .inputs = {keys.get<std::string>("fc"), keys.get<std::string>("data.cohort"),
                     keys.get<std::string>("data.split_file")}};
}

void print_line(const std::string& model, const std::string& metric, std::span<const double> numbers,
                const std::string& rest) {
  fmt::print("{:<10} {:<10} {:>6}  [{}, {}]  {}\n", model, metric, fixed(numbers[0]), fixed(numbers[1]),
             fixed(numbers[2]), rest);
}

// The lines of the first metric, for people.
void print_table(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) {
    std::vector<std::string> fields;
    std::size_t begin = 0;
    for (std::size_t end; (end = line.find('\t', begin)) != std::string::npos; begin = end + 1)
      fields.push_back(line.substr(begin, end - begin));
    fields.push_back(line.substr(begin));
    if (!is_first(fields[1])) continue;
    std::vector<double> numbers;
    for (std::size_t k = 2; k < 6; ++k) numbers.push_back(io::parse_number(fields[k]).value_or(std::nan("")));
    print_line(fields[0], fields[1], numbers,
               fmt::format("p {}  n {}{}", fixed_p(numbers[3]), fields[6], fields.size() > 7 ? "  " + fields[7] : ""));
  }
}

// The network's own scores, where 'evaluate' left them in its run.
void print_network(const fs::path& run_dir, const std::string& part) {
  if (!fs::exists(run_dir / result_file("predictions.tsv", part))) return;
  std::ifstream in(run_dir / result_file("metrics.json", part));
  const auto metrics = nlohmann::ordered_json::parse(in, nullptr, /*allow_exceptions=*/false);
  if (!metrics.is_object()) return;
  const auto print = [](const nlohmann::ordered_json& of_target, const std::string& target) {
    for (const auto& [name, value] : of_target.items()) {
      if (!is_first(name) || !of_target.contains("ci95")) continue;
      const auto interval = of_target["ci95"].value(name, nlohmann::ordered_json::array({nullptr, nullptr}));
      const auto number = [](const auto& json) {
        return json.is_number() ? json.template get<double>() : std::nan("");
      };
      const std::array numbers{number(value), number(interval.at(0)), number(interval.at(1))};
      print_line("this model", name, numbers, fmt::format("n {}{}", of_target.value("n_subjects", 0), target));
    }
  };
  if (!metrics.contains("targets")) return print(metrics, "");
  for (const auto& [target, of_target] : metrics["targets"].items()) print(of_target, "  " + target);
}

void print_written(const fs::path& table, const std::vector<std::string>& models) {
  fmt::print("{:<10} {}\n", "written", table.string());
  for (const std::string& model : models) fmt::print("{:<10} {}\n", "", (table.parent_path() / model).string());
}

void fit_all(const config::Config& config, int ranks, const BaselineCall& call) {
  const fs::path run_dir = config.get<std::string>("run.dir");
  const config::Config keys = keys_of(config, run_dir);
  check_baseline_task(keys);
  const io::Cohort cohort(keys.get<std::string>("data.cohort"));
  if (!run_dir.empty()) run::check_cohort_of_run(run_dir, cohort);
  const task::SplitSettings split = split_of(keys, run_dir);
  const task::TrainingData data = task::prepare_training_data(cohort, task::TaskSettings::from_config(keys), split,
                                                              keys.get<std::int64_t>("model.num_frames"));
  log_people(data);
  BaselineContext context = context_of(keys, call, ranks, data);
  const fs::path fc = keys.get<std::string>("fc");
  std::optional<baselines::Connectivity> connectivity;
  const baselines::StudySettings settings = baselines::StudySettings::from_config(keys);
  if (!fc.empty()) {
    std::vector<std::string> hashes{context.split_sha256}, warnings;
    if (!split.file.empty()) hashes.push_back(io::sha256_of_file(split.file));
    connectivity.emplace(baselines::read_connectivity(fc, data, context.split, hashes, warnings));
    context.connectivity = connectivity->metadata;
    for (const std::string& warning : warnings) log::warn("{}", warning);
  }
  baselines::Study study(data, connectivity ? &*connectivity : nullptr, settings);
  const NewFolder out(context.out);
  check_baseline_outputs(context, study.models());
  // All of them are fitted and written under temporary names before one takes its place: no half set.
  std::list<BaselineFolder> folders;
  for (const std::string& model : study.models()) {
    const auto begin = std::chrono::steady_clock::now();
    const baselines::FittedModel fitted = study.fit(model);
    for (const std::string& warning : fitted.warnings) log::warn("{}", warning);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    log::info("{}: fitted in {:.1f} s", model, seconds.count());
    folders.emplace_back(context, fitted, data);
  }
  std::vector<std::string> lines;
  for (BaselineFolder& folder : folders) {
    folder.commit();
    lines.insert(lines.end(), folder.lines().begin(), folder.lines().end());
  }
  const fs::path table = write_baseline_table(context, study.models(), lines, data.task.is_multitask);
  if (!run_dir.empty()) print_network(run_dir, context.split);
  print_table(lines);
  print_written(table, study.models());
}

}  // namespace

void check_baseline_task(const config::Config& config) {
  if (config.get<std::string>("task") == "reconstruction")
    throw UsageError(
        "task=reconstruction: it has no target that a baseline could predict: give task= and task.target=");
}

void run_baselines(const config::Config& config, comm::Communicator& comm, const BaselineCall& call) {
  on_root(comm, [&] { fit_all(config, comm.size(), call); });
}

void run_baselines_of(const std::string& run_dir, const std::string& fc, comm::Communicator& comm,
                      const BaselineCall& call) {
  config::Config config(config::baseline_schema());
  config.set("run.dir", {{run_dir}, false}, config::Origin::kOverride, "with_baselines");
  if (!fc.empty()) config.set("fc", {{fc}, false}, config::Origin::kOverride, "data.fc");
  run_baselines(config, comm, call);
}

}  // namespace brainmt::analysis
