#pragma once
// The tiny cohort, the tiny model, and settings to embed the one with the other.
#include <optional>

#include "analysis/embed.hpp"
#include "comm/self_communicator.hpp"
#include "run/weights.hpp"
#include "train/tiny_cohort.hpp"

namespace brainmt::test {

/// Windows of 4 frames, 2 apart. Every third participant has two runs. Participants 0 to 4 are the training split.
class EmbedFixture {
 public:
  /// Files are made below `directory` by the calling process alone.
  explicit EmbedFixture(const std::filesystem::path& directory, int participants = 9) : directory_(directory) {
    write_tiny_cohort(MPI_COMM_SELF, directory / "c.h5", participants, /*second_runs=*/true);
    models::BrainMTConfig config = tiny_model();
    config.grid = {9, 8, 7};
    models::BrainMT model(config, DType::kF32);
    model.initialise(11);
    run::save_weights(directory / "model.safetensors", model.parameters(),
                      {{run::kModelKey, run::describe_model(model)}});
  }

  analysis::EmbedSettings settings(analysis::Pooling pooling = analysis::Pooling::kCls) const {
    analysis::EmbedSettings s;
    s.weights = directory_ / "model.safetensors";
    s.pooling = pooling;
    s.stride = 2;
    s.program = "test";
    return s;
  }

  std::filesystem::path cohort() const { return directory_ / "c.h5"; }

 private:
  std::filesystem::path directory_;
};

}  // namespace brainmt::test
