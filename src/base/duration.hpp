#pragma once
// A length of time in words, to two or three digits, 1 s or more.
#include <fmt/core.h>

#include <string>

namespace brainmt {

inline std::string duration_text(double seconds) {
  if (seconds < 90) return fmt::format("{:.0f} s", seconds < 1 ? 1 : seconds);
  if (seconds < 5400) return fmt::format("{:.0f} minutes", seconds / 60);
  return fmt::format("{:.1f} hours", seconds / 3600);
}

}  // namespace brainmt
