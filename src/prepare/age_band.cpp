#include "prepare/age_band.hpp"

#include <algorithm>
#include <charconv>

namespace brainmt::prepare {
namespace {

constexpr int kOldest = 120;

std::optional<int> years(std::string_view text) {
  int value = 0;
  const bool digits =
      !text.empty() && text.size() <= 3 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return std::nullopt;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value <= kOldest ? std::optional(value) : std::nullopt;
}

}  // namespace

std::optional<double> parse_age_band(std::string_view text) {
  if (text.ends_with('+')) {
    const auto low = years(text.substr(0, text.size() - 1));
    return low ? std::optional<double>(*low) : std::nullopt;
  }
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto low = years(text.substr(0, dash)), high = years(text.substr(dash + 1));
  if (!low || !high || *low >= *high) return std::nullopt;
  return (*low + *high) / 2.0;
}

}  // namespace brainmt::prepare
