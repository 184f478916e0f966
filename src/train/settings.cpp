#include "train/settings.hpp"

#include <algorithm>
#include <optional>

#include "base/version.hpp"
#include "models/registry.hpp"

namespace brainmt::train {
namespace {

// Micro steps per update: as given, or what makes run.global_batch.
int accumulation(const config::Config& config, int ranks) {
  const auto global_batch = config.get<std::int64_t>("run.global_batch");
  const std::int64_t per_micro_step = config.get<std::int64_t>("run.batch_size") * ranks;
  const auto given = config.get<std::int64_t>("run.accumulate");
  if (global_batch == 0) return config.get<int>("run.accumulate");
  const std::int64_t needed =
      config.is_set("run.accumulate") ? given : std::max<std::int64_t>(global_batch / per_micro_step, 1);
  if (needed * per_micro_step != global_batch)
    throw UsageError(
        fmt::format("run.global_batch={}: expected run.batch_size x ranks x run.accumulate, found {} x {} x {}; "
                    "leave run.accumulate out to have it computed",
                    global_batch, config.get<std::int64_t>("run.batch_size"), ranks, needed));
  return static_cast<int>(needed);
}

nn::AdamWSettings optimizer_settings(const config::Config& config) {
  const auto betas = config.get<std::vector<double>>("optimizer.betas");
  return {.beta1 = betas[0],
          .beta2 = betas[1],
          .eps = config.get<double>("optimizer.eps"),
          .weight_decay = config.get<double>("optimizer.weight_decay"),
          .layer_decay = config.get<double>("optimizer.layer_decay"),
          .clip_norm = config.get<double>("optimizer.clip_norm")};
}

// The entry of target `k` in a list that may be empty.
template <class T>
T entry_or(const std::vector<T>& list, std::size_t k, T fallback) {
  return list.empty() ? fallback : list.at(k);
}

std::optional<task::Task> task_of(const std::string& kind) {
  if (kind == "regression") return task::Task::kRegression;
  if (kind == "classification") return task::Task::kClassification;
  return std::nullopt;  // auto
}

comm::DeviceBackend backend_of(const std::string& name) {
  if (name == "nccl") return comm::DeviceBackend::kNccl;
  return name == "mpi" ? comm::DeviceBackend::kMpi : comm::DeviceBackend::kAuto;
}

}  // namespace

task::TaskSettings task_settings(const config::Config& config) {
  using Texts = std::vector<std::string>;
  const auto task = config.get<std::string>("task");
  task::TaskSettings s{.is_multitask = task == "multitask",
                       .targets = {},
                       .confounds = config.get<Texts>("task.confounds"),
                       .learns_weights = config.is_word("task.weights"),
                       .shuffle = config.get<bool>("task.shuffle_labels"),
                       .seed = static_cast<std::uint64_t>(config.get<std::int64_t>("run.seed"))};
  const Texts names =
      s.is_multitask ? config.get<Texts>("task.targets") : Texts{config.get<std::string>("task.target")};
  const auto weights = config.get<std::vector<double>>("task.weights");
  const auto kinds = s.is_multitask ? config.get<Texts>("task.kinds") : Texts{task};
  for (std::size_t k = 0; k < names.size(); ++k)
    s.targets.push_back({.name = names[k],
                         .task = task_of(entry_or<std::string>(kinds, k, "auto")),
                         .positive = entry_or<std::string>(config.get<Texts>("task.positive"), k, ""),
                         .weight = s.learns_weights ? 1.0 : entry_or(weights, k, 1.0)});
  return s;
}

TrainSettings train_settings(const config::Config& config, int ranks) {
  const bool world = config.get<std::string>("deterministic") == "world";
  const auto seed = static_cast<std::uint64_t>(config.get<std::int64_t>("run.seed"));
  TrainSettings s;
  s.run_dir = config.get<std::string>("run.dir");
  s.task = task_settings(config);
  s.split = {.file = config.get<std::string>("data.split_file"), .run_dir = s.run_dir, .plan = split_plan(config)};
  s.model = models::plan_of(config);
  s.init = {.weights = config.get<std::string>("init.weights"),
            .freeze = config.get<std::vector<std::string>>("init.freeze")};
  s.activation = models::precision_from_config(config);

  s.seed = seed;
  s.epochs = config.get<int>("run.epochs");
  s.batch_size = config.get<int>("run.batch_size");
  s.accumulate = accumulation(config, ranks);
  s.optimizer = optimizer_settings(config);
  s.lr = config.get<double>("optimizer.lr");
  s.min_lr = config.get<double>("scheduler.min_lr");
  s.warmup_epochs = config.get<double>("scheduler.warmup_epochs");
  s.determinism = world ? comm::Determinism::kWorld : comm::Determinism::kRank;

  s.patience = config.get<int>("early_stopping.patience");
  s.max_steps = config.get<std::int64_t>("run.max_steps");
  s.max_seconds = config.get<double>("run.max_seconds");
  s.stop_margin = config.get<double>("run.stop_margin");
  s.checkpoint_every = config.get<std::int64_t>("checkpoint.every_steps");
  s.checkpoint = {.keep = config.get<int>("checkpoint.keep"), .asynchronous = config.get<bool>("checkpoint.async")};
  s.check_replicas_every = config.get<std::int64_t>("run.check_replicas_every");
  s.loss_spike = config.get<double>("log.loss_spike");
  s.log_every = config.get<std::int64_t>("log.every_steps");
  s.prefetch = config.get<std::int64_t>("data.prefetch");
  s.bucket_bytes = static_cast<std::size_t>(config.get<double>("comm.bucket_mb") * (1 << 20));
  s.wire = config.get<std::string>("comm.gradient_dtype") == "bf16" ? comm::GradientWire::kBfloat16
                                                                    : comm::GradientWire::kAsStored;
  s.backend = backend_of(config.get<std::string>("comm.backend"));
  s.graphs = config.get<bool>("device.graphs");
  s.timeout = config.get<double>("comm.timeout");
  // How windows are grouped may move the last bit of an output, and the ranks decide how they are grouped.
  const auto eval_batch = config.get<std::int64_t>("eval.batch_size");
  s.validation = {.stride = config.get<std::int64_t>("eval.stride"),
                  .batch = world            ? 1
                           : eval_batch > 0 ? eval_batch
                                            : s.batch_size,
                  .prefetch = s.prefetch};
  s.start = {.config_yaml = config.to_yaml(),
             .overrides = {},
             .version = version(),
             .revision = git_revision(),
             .compiler = compiler(),
             .libraries = {},
             .precision = config.get<std::string>("precision"),
             .ranks = ranks};
  s.identity = config.identity();
  s.allow_mismatch = config.get<bool>("data.allow_mismatch");
  s.algorithms = config.get<bool>("device.tune") ? dnn::algorithms() : nullptr;
  return s;
}

}  // namespace brainmt::train
