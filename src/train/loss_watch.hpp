#pragma once
// Notices losses that jump: a step whose loss is many times the median of the steps before it. Notices only; clipping,
// skipped updates and the limit on steps that are not finite are what acts.
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace brainmt::train {

class LossWatch {
 public:
  static constexpr std::size_t kWindow = 50, kFewest = 10;  // steps that the median is of

  /// `factor`: how many times the median is a jump; 0: never.
  explicit LossWatch(double factor) : factor_(factor) {}

  /// The loss of the next step; those that are not finite are somebody else's concern.
  void add(std::int64_t step, double loss);
  /// What jumped since the last call, as one line.
  std::optional<std::string> report();

 private:
  double median() const;

  double factor_;
  std::deque<double> recent_;
  int jumps_ = 0;
  std::int64_t worst_step_ = 0;
  double worst_ratio_ = 0, worst_loss_ = 0;
};

}  // namespace brainmt::train
