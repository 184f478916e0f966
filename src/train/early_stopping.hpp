#pragma once
// Decides from the validation loss of all ranks, one value per evaluation, which checkpoint is the best and when more
// training is pointless. The same values give the same decisions on every rank.
#include <limits>

namespace brainmt::train {

/// What a checkpoint keeps of it.
struct EarlyStoppingState {
  double best = std::numeric_limits<double>::infinity();
  int without_improvement = 0;  // evaluations since the best one
};

class EarlyStopping {
 public:
  /// Stops after `patience` evaluations in a row without a loss below best - min_delta; 0 never stops.
  explicit EarlyStopping(int patience, double min_delta = 0.0, EarlyStoppingState state = {})
      : patience_(patience), min_delta_(min_delta), state_(state) {}

  /// Returns whether `loss` is the best so far. A loss that is not a number is never better.
  bool update(double loss) {
    const bool better = loss < state_.best - min_delta_;
    if (better) state_.best = loss;
    state_.without_improvement = better ? 0 : state_.without_improvement + 1;
    return better;
  }
  bool should_stop() const { return patience_ > 0 && state_.without_improvement >= patience_; }
  const EarlyStoppingState& state() const { return state_; }

 private:
  int patience_;
  double min_delta_;
  EarlyStoppingState state_;
};

}  // namespace brainmt::train
