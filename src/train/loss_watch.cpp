#include "train/loss_watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace brainmt::train {

void LossWatch::add(std::int64_t step, double loss) {
  if (factor_ <= 0 || !std::isfinite(loss)) return;
  const double usual = recent_.size() >= kFewest ? median() : 0.0;
  if (usual > 0 && loss > factor_ * usual) {
    ++jumps_;
    if (loss / usual > worst_ratio_) {
      worst_step_ = step;
      worst_loss_ = loss;
      worst_ratio_ = loss / usual;
    }
  }
  recent_.push_back(loss);
  if (recent_.size() > kWindow) recent_.pop_front();
}

std::optional<std::string> LossWatch::report() {
  const int jumps = std::exchange(jumps_, 0);
  const double ratio = std::exchange(worst_ratio_, 0.0);
  if (jumps == 0) return std::nullopt;
  std::string line = fmt::format("loss spike: {:.4g} at step {}, {:.3g} times the median of the steps before it",
                                 worst_loss_, worst_step_, ratio);
  if (jumps > 1) line += fmt::format("; {} such steps since the last line of the log", jumps);
  return line;
}

double LossWatch::median() const {
  std::vector<double> sorted(recent_.begin(), recent_.end());
  const auto middle = sorted.begin() + std::ssize(sorted) / 2;
  std::ranges::nth_element(sorted, middle);
  return *middle;
}

}  // namespace brainmt::train
