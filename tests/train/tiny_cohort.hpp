#pragma once
// A cohort small enough to train on within a test, and settings of a model to match.
#include <mpi.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/philox.hpp"
#include "io/cohort_writer.hpp"
#include "io/float16.hpp"
#include "models/plan.hpp"
#include "train/trainer.hpp"

namespace brainmt::test {

/// 9x8x7 voxels, all in the mask; `subjects` scans of 6 or 7 frames of noise; sex in text, age as a number. With
/// `second_runs` every third subject has another scan. `change` may alter the description before it is written.
inline void write_tiny_cohort(MPI_Comm comm, const std::filesystem::path& path, int subjects, bool second_runs = false,
                              const std::function<void(io::CohortLayout&)>& change = {}) {
  io::CohortLayout layout;
  layout.grid = {9, 8, 7};
  layout.affine = {2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1};
  for (std::uint32_t v = 0; v < layout.grid.voxels(); ++v) layout.voxels.push_back(v);
  layout.normalization = "zscore";
  layout.provenance = "tiny cohort of the tests";
  std::vector<std::string> sex;
  std::vector<double> age;
  for (int s = 0; s < subjects; ++s) {
    for (int run = 0; run < (second_runs && s % 3 == 0 ? 2 : 1); ++run) {
      layout.scans.push_back({.participant_id = fmt::format("sub-{:03}", s),
                              .source = fmt::format("{}-{}", s, run),
                              .frames = static_cast<std::uint64_t>(6 + (s + run) % 2),
                              .repetition_time = 0.8});
      sex.push_back(s % 2 == 0 ? "M" : "F");
      age.push_back(50 + s % 7);
    }
  }
  layout.phenotypes = {{"sex", sex}, {"age", age}};
  if (change) change(layout);

  io::CohortWriter writer(comm, path, layout);
  int rank = 0, ranks = 1;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &ranks);
  for (std::size_t scan = static_cast<std::size_t>(rank); scan < layout.scans.size();
       scan += static_cast<std::size_t>(ranks)) {
    Philox random(7, 1, scan);
    std::vector<std::uint16_t> frames(layout.scans[scan].frames * layout.voxels.size());
    for (auto& value : frames) value = io::float_to_half(static_cast<float>(random.normal()));
    writer.write_frames(scan, 0, frames);
    writer.set_scan_statistics(scan, {.mean = 100, .std = 10, .fill = io::float_to_half(-3)});
  }
  writer.commit();
}

inline models::BrainMTConfig tiny_model() {
  models::BrainMTConfig c;
  c.frames = 4;
  c.embed_dim = 16;
  c.depth = {1, 1};
  c.drop_path = 0.3;
  return c;
}

inline models::BrainMTConfig tiny_on(const std::array<std::int64_t, 3>& grid) {
  models::BrainMTConfig c = tiny_model();
  c.grid = grid;
  return c;
}

/// Classification of sex with a model of one Mamba and one attention block; DropPath and clipping on.
inline train::TrainSettings tiny_settings(const std::filesystem::path& run_dir) {
  train::TrainSettings s;
  s.run_dir = run_dir;
  s.task.targets = {{.name = "sex", .task = task::Task::kClassification}};
  s.split.run_dir = run_dir;
  s.model = plan_of(tiny_model());
  s.schedule.epochs = 2;
  s.step.batches.batch_size = 2;
  s.schedule.lr = 1e-3;
  s.schedule.warmup_epochs = 0.5;
  s.optimizer.clip_norm = 1.0;
  s.loop.log_every = 1;
  s.route.timeout = 60;
  s.validation.batch = 1;
  s.identity = "run:\n  seed: 42\n";
  return s;
}

}  // namespace brainmt::test
