// Keys of training and evaluation. Defaults are the paper's settings; a key that the paper does not have is off by
// default or changes speed only; gradient clipping, on by default, is the exception.
#include <algorithm>
#include <cmath>

#include "config/config.hpp"
#include "config/keys.hpp"

namespace brainmt::config {
namespace {

std::vector<Key> run_keys() {
  return {
      file_path("run.dir", "", "run directory; an unfinished run of the same configuration in it is continued")
          .required()
          .free_to_change(),
      integer("run.seed", 42, "seed of initial weights, data order, windows and DropPath").at_least(0),
      integer("run.epochs", 20, "passes over the training split; the schedule spans all of them").at_least(1),
      integer("run.batch_size", 2, "samples per rank and step").at_least(1),
      integer("run.accumulate", 1, "micro-batches whose gradients are summed before an optimiser step").at_least(1),
      integer("run.global_batch", 0,
              "samples per optimiser step over all ranks, checked against "
              "run.batch_size x ranks x run.accumulate; 0: not checked")
          .at_least(0),
      integer("run.max_steps", 0, "stop after this many optimiser steps in all, with a checkpoint; 0: no limit")
          .at_least(0)
          .free_to_change(),
      real("run.max_seconds", 0,
           "stop with a checkpoint and exit code 75 before this many seconds have passed; 0: no limit")
          .at_least(0)
          .free_to_change(),
      real("run.stop_margin", 60,
           "seconds to keep free before the end of the Slurm job (SLURM_JOB_END_TIME), where the run stops like "
           "with run.max_seconds")
          .at_least(0)
          .free_to_change(),
      integer("run.check_replicas_every", 100,
              "steps between comparisons of the ranks' parameters, bit for bit; 0: only at checkpoints")
          .at_least(0)
          .free_to_change(),
  };
}

std::vector<Key> init_keys() {
  return {
      file_path("init.weights", "",
                "weights to start from: a safetensors file, of another run or published, or a run directory (its best "
                "checkpoint); the head is left out where it does not fit, another number of frames is interpolated; "
                "empty: initial values by run.seed")
          .unsaid_default(),
      texts("init.freeze", {},
            "parameters that stay as they are, by name with * for any text, such as [patch_embed.*, layers.0.*]")
          .unsaid_default(),
  };
}

std::vector<Key> optimizer_keys() {
  return {
      real("optimizer.lr", 2e-4, "peak learning rate of AdamW").above(0),
      real("optimizer.weight_decay", 0.05,
           "decoupled decay; biases, norms, 1-D tensors, positions, CLS, A_log and D have none")
          .at_least(0),
      reals("optimizer.betas", {0.9, 0.999}, "decay rates of the two moments, below 1")
          .of_length(2)
          .at_least(0)
          .at_most(1),
      real("optimizer.eps", 1e-6, "added to the root of the second moment").above(0),
      real("optimizer.layer_decay", 1.0, "learning rate of layer l is scaled by this^(layers - l); 1: the same for all")
          .above(0)
          .at_most(1),
      real("optimizer.clip_norm", 1.0, "largest norm of the whole gradient (the paper has none); 0: no clipping")
          .at_least(0),
      real("scheduler.warmup_epochs", 5, "epochs of linear warm-up from 0, then cosine; both per step").at_least(0),
      real("scheduler.min_lr", 1e-6, "learning rate at the end of the cosine").at_least(0),
  };
}

std::vector<Key> control_keys() {
  return {
      integer("checkpoint.every_steps", 0, "optimiser steps between checkpoints; 0: one after each epoch")
          .at_least(0)
          .free_to_change(),
      boolean("checkpoint.async", true, "write checkpoints beside the training steps; false: training waits for each")
          .free_to_change(),
      integer("checkpoint.keep", 2, "newest checkpoints to keep, beside the best").at_least(1).free_to_change(),
      integer("early_stopping.patience", 0,
              "epochs without a lower validation loss before training stops; 0: never (the "
              "paper stops early but does not say after how many)")
          .at_least(0),
      integer("log.every_steps", 10, "optimiser steps between lines of metrics.jsonl").at_least(1).free_to_change(),
      real("log.loss_spike", 10,
           "count losses this many times the median of the steps before them and twice the starting loss, and warn "
           "of them once, at the end; 0: never")
          .at_least(0)
          .free_to_change(),
      choice(
          "deterministic", "rank", {"rank", "world"},
          "rank: same bits for the same ranks x run.batch_size x run.accumulate; world: same bits for every such split "
          "of the same global batch, also when resumed; samples go through the model one by one, with one thread a "
          "rank, which is slower "
          "where run.batch_size > 1"),
  };
}

std::vector<Key> eval_keys() {
  return {
      integer("eval.stride", 0, "frames between the starts of two windows of one scan; 0: the window's length")
          .at_least(0)
          .free_to_change(),
      integer("eval.batch_size", 0,
              "windows per rank and forward pass; 0: as in training (one by one with deterministic=world)")
          .at_least(0)
          .free_to_change(),
  };
}

void check_betas(const Config& config) {
  for (const double beta : config.get<std::vector<double>>("optimizer.betas")) {
    if (beta >= 1.0) throw UsageError(fmt::format("optimizer.betas: expected numbers below 1, found {}", beta));
  }
}

void check_schedule(const Config& config) {
  const double warmup = config.get<double>("scheduler.warmup_epochs");
  const auto epochs = config.get<std::int64_t>("run.epochs");
  if (warmup > static_cast<double>(epochs)) {
    throw UsageError(
        fmt::format("scheduler.warmup_epochs={} conflicts with run.epochs={}: the warm-up must fit into the run: give "
                    "scheduler.warmup_epochs={}, or run.epochs={} or more",
                    warmup, epochs, epochs > 1 ? std::max<std::int64_t>(1, epochs / 4) : 0, std::ceil(warmup) + 1));
  }
  const double peak = config.get<double>("optimizer.lr"), end = config.get<double>("scheduler.min_lr");
  if (end > peak)
    throw UsageError(
        fmt::format("scheduler.min_lr={} conflicts with optimizer.lr={}: expected at most the peak", end, peak));
}

void check_gradient_dtype(const Config& config) {
  if (config.get<std::string>("deterministic") == "world" && config.get<std::string>("comm.gradient_dtype") == "bf16")
    throw UsageError(
        "deterministic=world conflicts with comm.gradient_dtype=bf16: rounding between ranks depends on "
        "their number; use fp32");
}

void check_weights_source(const Config& config) {
  const bool run = !config.get<std::string>("run.dir").empty(), weights = !config.get<std::string>("weights").empty();
  if (run == weights) throw UsageError("'evaluate' needs run.dir=DIR or weights=FILE, one of the two");
  if (weights && config.get<std::string>("data.cohort").empty())
    throw UsageError("'evaluate' with weights= needs data.cohort=...");
}

}  // namespace

std::vector<Key> model_keys(const ModelKeys& model, const Families& families) {
  std::vector<std::string> names;
  for (const ModelKeys& family : families) names.push_back(family.family);
  std::vector<Key> keys{choice(std::string(kFamilyKey), names.front(), names,
                               "kind of model; its other keys depend on it: 'model=NAME --help' lists them")
                            .unsaid_default()};
  keys.insert(keys.end(), model.keys.begin(), model.keys.end());
  return keys;
}

std::vector<Key> precision_keys() {
  return {
      choice("precision", "fp32", {"fp32", "bf16"}, "type of activations; weights, statistics and sums stay in fp32"),
      boolean("device.deterministic", true, "GPU: only library algorithms whose results repeat bit for bit")
          .unsaid_default(),
      boolean(
          "device.tune", false,
          "GPU: time the libraries' algorithms once for each shape and take the fastest; a run keeps its choices, two "
          "runs may choose differently and then differ in the last bits")
          .unsaid_default(),
      boolean("device.tf32", false, "GPU: fp32 products may round their operands to TF32: faster, and no longer fp32")
          .unsaid_default(),
      boolean(
          "device.tanh_gelu", false,
          "bf16: the MLP's GELU in its tanh form, off by at most 4.8e-4, which a GPU computes as part of the product")
          .unsaid_default(),
  };
}

std::vector<Key> data_keys() {
  return {
      file_path("data.cohort", "", "cohort file made by 'brainmt prepare'").free_to_change(),
      choice("data.normalize", "robust", {"robust", "global_std", "robust_scan"},
             "scale of parcel series, from which each scan's means are taken: median and IQR of each parcel in the "
             "training scans, one standard deviation of all, or median and IQR in the scan itself")
          .unsaid_default(),
      choice("data.io", "posix", {"posix", "independent", "collective"},
             "how windows are read: posix: one read call each; independent: MPI-IO, each rank for itself; collective: "
             "MPI-IO, all ranks in common rounds, for file systems that want few large requests")
          .free_to_change(),
      boolean("data.checksums", true, "compare every frame that is read with its checksum").free_to_change(),
      file_path("data.cache_dir", "",
                "folder of yours on a disk of the node for copies of the scans, which all ranks of the node share; for "
                "cohorts on a slow file system, with data.io=posix; empty: none")
          .free_to_change(),
      real("data.cache_gb", 100, "most GB of all copies below data.cache_dir; scans beyond are read from the cohort")
          .above(0)
          .at_most(1e9)
          .free_to_change(),
      integer("data.prefetch", 2, "windows read ahead while the model computes; 0: none")
          .at_least(0)
          .at_most(1024)
          .free_to_change(),
      boolean("data.verify", false, "check the checksum of every scan before the first step").free_to_change(),
      boolean(
          "data.allow_mismatch", false,
          "use a cohort of another orientation, origin, normalisation or fill than the model was trained on, or made "
          "again since; outputs then say so")
          .free_to_change(),
  };
}

std::vector<Key> comm_keys() {
  return {
      real("comm.bucket_mb", 8, "size of a gradient bucket in MiB").above(0).free_to_change(),
      real("comm.timeout", 600, "seconds without progress of any rank before the job ends with exit code 5; 0: never")
          .at_least(0)
          .free_to_change(),
  };
}

std::vector<Key> gradient_keys() {
  return {
      choice("comm.gradient_dtype", "fp32", {"fp32", "bf16"},
             "type in which gradients travel between ranks; bf16 halves what is sent and rounds it")
          .unsaid_default(),
      choice("comm.backend", "auto", {"auto", "nccl", "mpi"},
             "between devices: nccl; mpi through the host's memory; auto takes NCCL where it can be had. A build for "
             "the host always takes MPI")
          .free_to_change(),
  };
}

std::vector<Key> graph_keys() {
  return {
      boolean(
          "device.graphs", true,
          "GPU: capture a step's launches and launch them as one (a CUDA graph): the same computation, whose memory "
          "stays taken")
          .free_to_change(),
  };
}

Schema train_schema(const Families& families) {
  auto data = data_keys();
  for (Key& key : data) key = key.name == "data.cohort" ? key.required() : key;
  data.push_back(file_path("data.fc", "", "with_baselines: file of 'brainmt fc', for baselines on connectivity")
                     .free_to_change()
                     .unsaid_default());
  data.push_back(boolean("with_baselines", false,
                         "after training also fit the baselines on the same people, into run.dir/baselines "
                         "(--with-baselines)")
                     .free_to_change()
                     .unsaid_default());
  return by_family(families, [&](const ModelKeys& model) {
    return Schema(
        "train",
        join<Key>({run_keys(), data, split_keys(), task_keys(/*required=*/true), model_keys(model, families),
                   precision_keys(), graph_keys(), init_keys(), optimizer_keys(), control_keys(), eval_keys(),
                   comm_keys(), gradient_keys()}),
        {"model"},
        join<Rule>({model.rules,
                    split_rules(),
                    task_rules(/*required=*/true),
                    {check_betas, check_schedule, check_gradient_dtype}}),
        {.examples = {"brainmt train task=classification task.target=sex run.dir=runs/sex data.cohort=cohort.h5",
                      "mpirun -n 4 brainmt train --config train_ukb_sex run.dir=runs/ukb data.cohort=ukb.h5"},
         .first_keys = {"task.target"},
         .further_required = missing_target});
  });
}

Schema evaluate_schema(const Families& families) {
  return by_family(families, [&](const ModelKeys& model) {
    return Schema(
        "evaluate",
        join<Key>(
            {{file_path("run.dir", "",
                        "run directory: model, task and split are its own, and given ones must be equal; data.cohort, "
                        "data.split_file, precision and the like are its own unless given here"),
              file_path(
                  "weights", "",
                  "safetensors file instead of run.dir, with data.cohort; task.* and model.* must be given where its "
                  "metadata lack them, and must be equal where not"),
              choice("checkpoint", "best", {"best", "latest"}, "which checkpoint of run.dir"),
              choice("split", "test", {"train", "val", "test", "all"}, "subjects to predict"),
              file_path("out", "", "directory for predictions.tsv, metrics.json and a plot; empty: run.dir"),
              integer("bootstrap", 1000, "resamples for the confidence intervals; 0: none")
                  .at_least(0)
                  .at_most(1000000),
              integer("run.seed", 42, "seed of the bootstrap, and of a split that is made here").at_least(0)},
             eval_keys(),
             data_keys(),
             split_keys(),
             task_keys(/*required=*/false),
             model_keys(model, families),
             precision_keys(),
             comm_keys()}),
        {"model"}, join<Rule>({model.rules, split_rules(), task_rules(/*required=*/false), {check_weights_source}}),
        {.examples = {"brainmt evaluate run.dir=runs/sex split=test",
                      "brainmt evaluate weights=sex.safetensors data.cohort=other.h5 split=all out=results"},
         .first_keys = {"run.dir", "weights", "data.cohort", "split", "out"},
         .positional = {"run.dir"}});
  });
}

}  // namespace brainmt::config
