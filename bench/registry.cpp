#include "models/registry.hpp"

#include "bench/bench.hpp"
#include "config/keys.hpp"

namespace brainmt::bench {

const std::vector<NamedBenchmark>& all_benchmarks() {
  static const std::vector<NamedBenchmark> benchmarks{
      {"gemm", "GEMMs of a Mamba and an attention block", gemm},
      {"conv3d", "the eight convolutions, all passes", conv3d},
      {"scan", "selective scan, one-way and two-way", scan},
      {"attention", "tiled attention, all queries and CLS only", attention},
      {"step", "training steps of the whole model; memory against frames", step},
      {"prepare", "preparation of UKB-like scans against a plain inflate, memory, size of the store", prepare_scans},
      {"io", "windows from a store; steps fed by it", io},
      {"baseline", "kernel ridge on connectivity with a nested choice of penalties: time, memory", baseline},
      {"parcellate", "parcels of a cohort's scans against reading them; memory", parcellate},
      {"cohort", "start on a large cohort: time to the first batch, memory", cohort}};
  return benchmarks;
}

const config::Schema& schema() {
  using namespace config;
  static const Schema made = by_family(models::model_keys(), [](const ModelKeys& model) {
    return Schema(
        "bench",
        join<Key>(
            {{
                 real("seconds", 0.5, "time spent on each measured row").above(0),
                 integer("repeats", 3, "step, prepare, io, cohort: measured turns; of step the fastest counts")
                     .at_least(1),
                 integer("scans", 4, "prepare: number of scans (up to 999); cohort has 6000 unless this is given")
                     .at_least(1)
                     .at_most(999999),
                 choice("dtype", "int16", {"int16", "float32"}, "prepare: voxel type of the scans"),
                 boolean("dense", false, "prepare: every voxel is inside the mask"),
                 integer("samples", 2, "step, io: samples of one optimiser step over all ranks").at_least(1),
                 boolean("scaling", false, "step: also run the same work on one rank and print the ratio"),
                 boolean("profile", false, "step: also time, rates and peak memory by stage (--profile)"),
                 integers("grid", {46, 55, 46}, "voxels X, Y, Z; io and parcellate have 91x109x91 unless this is given")
                     .of_length(3)
                     .at_least(1)
                     .at_most(1024),
                 integer("parcels", 360,
                         "step: regions of a model of connectivity matrices; baseline has 64 unless this is given")
                     .at_least(2),
                 integer("people", 300, "baseline: training people").at_least(20),
                 integer("penalties", 20, "baseline: values of lambda to choose from").at_least(1).at_most(22),
                 integers("frames", {20},
                          "frames; step with several prints memory against frames; unless this is given, windows of io "
                          "and scans of parcellate have 200 and scans of cohort 490")
                     .at_least(1),
                 boolean("with_step", false, "io: also training steps with windows from a store (--with-step)"),
                 integer("shards", 60, "cohort: files that the same scans are also spread over").at_least(1),
                 integer("length", 721, "tokens of gemm, scan and attention").at_least(1),
             },
             model_keys(model, models::model_keys()),
             precision_keys(),
             graph_keys()}),
        {"model"}, model.rules,
        {.examples = {"brainmt bench gemm",
                      "mpirun -n 2 brainmt bench step model=small 'grid=[24,28,24]' --json step.json"}});
  });
  return made;
}

}  // namespace brainmt::bench
