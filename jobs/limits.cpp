#include "jobs/limits.hpp"

#include <charconv>
#include <optional>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace brainmt::jobs {
namespace {

std::optional<double> whole(std::string_view text) {
  long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
  return static_cast<double>(value);
}

// Numbers between colons; empty when one of them is none.
std::vector<double> between_colons(std::string_view text) {
  std::vector<double> numbers;
  for (;;) {
    const std::size_t colon = text.find(':');
    const auto number = whole(text.substr(0, colon));
    if (!number) return {};
    numbers.push_back(*number);
    if (colon == std::string_view::npos) return numbers;
    text.remove_prefix(colon + 1);
  }
}

}  // namespace

double bytes_of(const std::string& memory) {
  constexpr std::string_view kUnits = "KMGT";
  std::string_view digits(memory);
  double unit = 1 << 20;
  const std::size_t power = digits.empty() ? std::string_view::npos : kUnits.find(digits.back());
  if (power != std::string_view::npos) {
    unit = 1;
    for (std::size_t i = 0; i <= power; ++i) unit *= 1024;
    digits.remove_suffix(1);
  }
  const auto number = whole(digits);
  if (!number) throw UsageError(fmt::format("resources.memory: '{}': expected a size such as 16G", memory));
  return *number * unit;
}

double seconds_of(const std::string& time) {
  constexpr double kMinute = 60, kHour = 3600, kDay = 86400;
  const std::size_t dash = time.find('-');
  const std::vector<double> n = between_colons(std::string_view(time).substr(dash == std::string::npos ? 0 : dash + 1));
  if (dash != std::string::npos) {
    const auto days = whole(std::string_view(time).substr(0, dash));
    if (days && !n.empty() && n.size() <= 3)
      return *days * kDay + n[0] * kHour + (n.size() > 1 ? n[1] * kMinute : 0) + (n.size() > 2 ? n[2] : 0);
  } else if (n.size() == 1) {
    return n[0] * kMinute;
  } else if (n.size() == 2) {
    return n[0] * kMinute + n[1];
  } else if (n.size() == 3) {
    return n[0] * kHour + n[1] * kMinute + n[2];
  }
  throw UsageError(fmt::format("resources.time: '{}': expected a time such as 1:00:00 or 2-12:00", time));
}

}  // namespace brainmt::jobs
