#include "analysis/shown_numbers.hpp"

#include <fmt/format.h>

#include <cmath>

namespace brainmt::analysis {

std::string shown(double value) {
  if (!std::isfinite(value)) return "n/a";
  const double size = std::abs(value);
  constexpr double kSmall = 0.001, kLarge = 10;
  return size == 0 || (size >= kSmall && size < kLarge) ? fmt::format("{:.3f}", value) : fmt::format("{:.4g}", value);
}

std::string shown_interval(const Estimate& estimate) {
  if (!std::isfinite(estimate.low) || !std::isfinite(estimate.high)) return "n/a";
  return fmt::format("[{}, {}]", shown(estimate.low), shown(estimate.high));
}

std::string shown_p(double p) { return std::isfinite(p) ? fmt::format("{:.2g}", p) : "n/a"; }

}  // namespace brainmt::analysis
