#pragma once
// From configuration keys to the settings of training.
#include "config/config.hpp"
#include "train/trainer.hpp"

namespace brainmt::app {

/// Settings of `brainmt train` on `ranks` ranks, without stop_requested and the overrides of the start record. Throws
/// UsageError when run.global_batch cannot be made from run.batch_size and the ranks.
train::TrainSettings train_settings(const config::Config& config, int ranks);

}  // namespace brainmt::app
