#include "train/loss_watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace brainmt::train {

void LossWatch::add(std::int64_t step, double loss) {
  if (factor_ <= 0 || !std::isfinite(loss)) return;
  if (!start_ && recent_.size() == kMinSteps) start_ = std::reduce(recent_.begin(), recent_.end()) / double{kMinSteps};
  const double usual = recent_.size() >= kMinSteps ? median() : 0.0;
  if (usual > 0 && loss > factor_ * usual && loss > kOfStart * *start_) {
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

std::optional<std::string> LossWatch::report() const {
  if (jumps_ == 0) return std::nullopt;
  const std::string worst = fmt::format("{:.4g} at step {}, {:.3g} times the median of the steps before it",
                                        worst_loss_, worst_step_, worst_ratio_);
  return jumps_ == 1 ? "loss spike: " + worst : fmt::format("{} loss spikes; the worst: {}", jumps_, worst);
}

double LossWatch::median() const {
  std::vector<double> sorted(recent_.begin(), recent_.end());
  const auto middle = sorted.begin() + std::ssize(sorted) / 2;
  std::ranges::nth_element(sorted, middle);
  return *middle;
}

}  // namespace brainmt::train
