#pragma once
// Counts loss spikes: steps whose loss is many times the median of the last steps and well above the starting loss. The
// second condition avoids warnings late in training, when losses are small and a hard batch exceeds the median many
// times. Counts only; clipping, skipped updates and the limit on non-finite steps react.
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace brainmt::train {

class LossWatch {
 public:
  static constexpr std::size_t kWindow = 50, kMinSteps = 10;  // steps that the median is of
  static constexpr double kOfStart = 2;                       // times the starting loss that a jump exceeds

  /// `factor`: how many times the median is a jump; 0: never. `start`: the starting loss where a run continues; none:
  /// the mean of the first kMinSteps losses.
  explicit LossWatch(double factor, std::optional<double> start = {}) : factor_(factor), start_(start) {}

  /// The loss of the next step; non-finite ones are handled elsewhere.
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
