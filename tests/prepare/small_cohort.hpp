#pragma once
// A few small scans with their table, and a preparation of them.
#include <functional>

#include "prepare/prepare.hpp"
#include "support/expect_error.hpp"
#include "support/shared_directory.hpp"
#include "synth/cohort.hpp"

namespace brainmt::prepare {

inline void on_rank_0(const std::function<void()>& action) {
  if (test::rank_of_world() == 0) action();
  MPI_Barrier(MPI_COMM_WORLD);
}

/// `<directory>/scans`: `scans` scans of 9x10x11 voxels and 8 frames, TR 0.735 s; the output is
/// `<directory>/cohort.h5`.
inline PrepareConfig small_cohort(const test::SharedDirectory& directory, std::size_t scans) {
  on_rank_0([&] {
    synth::SynthConfig synth;
    synth.out = directory / "scans";
    synth.subjects = static_cast<int>(scans);
    synth.grid = {9, 10, 11};
    synth.frames = 8;
    synth::generate_cohort(synth, 0, 1);
  });
  PrepareConfig config;
  config.list.input = directory / "scans";
  config.output = directory / "cohort.h5";
  return config;
}

}  // namespace brainmt::prepare
