#pragma once
// Counts losses that jump: a step whose loss is many times the median of the steps before it and well above the loss
// that the run started with. A run that goes well ends with small losses, where a batch that is hard to predict is many
// times the median and still nothing to warn of. Counts only; clipping, skipped updates and the limit on steps that are
// not finite are what acts.
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace brainmt::train {

class LossWatch {
 public:
  static constexpr std::size_t kWindow = 50, kFewest = 10;  // steps that the median is of
  static constexpr double kOfStart = 2;                     // times the starting loss that a jump exceeds

  /// `factor`: how many times the median is a jump; 0: never. `start`: the starting loss where a run continues; none:
  /// the mean of the first kFewest losses.
  explicit LossWatch(double factor, std::optional<double> start = {}) : factor_(factor), start_(start) {}

  /// The loss of the next step; those that are not finite are somebody else's concern.
  void add(std::int64_t step, double loss);
  /// What jumped so far, as one line.
  std::optional<std::string> report() const;

 private:
  double median() const;

  double factor_;
  std::optional<double> start_;
  std::deque<double> recent_;
  int jumps_ = 0;
  std::int64_t worst_step_ = 0;
  double worst_ratio_ = 0, worst_loss_ = 0;
};

}  // namespace brainmt::train
