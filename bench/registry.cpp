#include "bench/bench.hpp"
#include "config/keys.hpp"

namespace brainmt::bench {

const std::vector<NamedBenchmark>& all_benchmarks() {
  static const std::vector<NamedBenchmark> benchmarks{
      {"gemm", "matrix products of a Mamba and an attention block", gemm},
      {"conv3d", "the eight convolutions, all passes", conv3d},
      {"scan", "selective scan, one-way and two-way", scan},
      {"attention", "tiled attention, all queries and CLS only", attention},
      {"step", "training steps of the whole model; memory against frames", step},
      {"prepare", "preparation of UKB-like scans against a plain inflate, memory, size of the store", prepare_scans}};
  return benchmarks;
}

const config::Schema& schema() {
  using namespace config;
  static const Schema made(
      "bench",
      join({{
                real("seconds", 0.5, "time spent on each measured row").above(0),
                integer("repeats", 3, "step: measured steps, of which the fastest counts; prepare: turns").at_least(1),
                integer("scans", 4, "prepare: number of scans").at_least(1).at_most(999),
                choice("dtype", "int16", {"int16", "float32"}, "prepare: voxel type of the scans"),
                boolean("dense", false, "prepare: every voxel is inside the mask"),
                integer("samples", 2, "step: samples of one optimiser step over all ranks").at_least(1),
                boolean("scaling", false, "step: also run the same work on one rank and print the ratio"),
                integers("grid", {46, 55, 46}, "voxels X, Y, Z").of_length(3).at_least(1),
                integers("frames", {20}, "frames; step with several prints memory against frames").at_least(1),
                integer("length", 721, "tokens of gemm, scan and attention").at_least(1),
            },
            model_keys(),
            precision_keys()}),
      {"model"}, model_rules());
  return made;
}

}  // namespace brainmt::bench
