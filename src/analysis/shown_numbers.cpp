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

std::string fixed(double value) {
  return std::isfinite(value) ? fmt::format("{:.3f}", std::abs(value) < 0.0005 ? 0.0 : value) : "n/a";
}

std::string fixed_p(double p) {
  constexpr double kLeast = 0.0005;
  return p < kLeast ? "<0.001" : fixed(p);
}

std::string in_words(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
  return text;
}

std::string part_in_words(const std::string& part) { return part == "all" ? "all parts" : part + " part"; }

std::optional<double> chance_of(const std::string& metric) {
  if (metric == "pearson_r") return 0.0;
  if (metric == "auroc" || metric == "balanced_accuracy") return 0.5;
  return std::nullopt;
}

std::string no_width_note(std::span<const Estimate> estimates, const std::string& metric) {
  for (const Estimate& e : estimates)
    if (std::isfinite(e.low) && e.low == e.high && e.value != chance_of(metric))
      return fmt::format("{}: no resample differs; with n = {} that is not precision.", shown_interval(e),
                         e.participants);
  return {};
}

}  // namespace brainmt::analysis
