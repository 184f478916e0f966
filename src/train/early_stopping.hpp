#pragma once
// Decides from the validation loss of all ranks, one value per evaluation, which checkpoint is the best and when more
// training is pointless. The same values give the same decisions on every rank.
#include "run/train_state.hpp"

namespace brainmt::train {

class EarlyStopping {
 public:
  /// Stops after `patience` evaluations in a row without a loss below best - min_delta; 0 never stops.
  explicit EarlyStopping(int patience, double min_delta = 0.0, run::EarlyStoppingState state = {})
      : patience_(patience), min_delta_(min_delta), state_(state) {}

  /// Returns whether `loss` is the best so far. A loss that is not a number is never better.
  bool update(double loss) {
    const bool better = loss < state_.best - min_delta_;
    if (better) state_.best = loss;
    state_.without_improvement = better ? 0 : state_.without_improvement + 1;
    return better;
  }
  bool should_stop() const { return patience_ > 0 && state_.without_improvement >= patience_; }
  const run::EarlyStoppingState& state() const { return state_; }

 private:
  int patience_;
  double min_delta_;
  run::EarlyStoppingState state_;
};

}  // namespace brainmt::train
