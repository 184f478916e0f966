#include "io/repetition_times.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace brainmt::io {

std::string differing_repetition_times(std::span<const double> seconds) {
  constexpr double kSameTime = 1e-3;  // relatively, as in prepare
  constexpr std::size_t kMaxShown = 6;
  struct Group {
    double seconds;
    std::size_t scans;
  };
  std::vector<Group> groups;
  std::size_t unknown = 0;
  for (const double time : seconds) {
    if (!(time > 0)) {
      ++unknown;
      continue;
    }
    const auto known = std::ranges::find_if(
        groups, [&](const Group& group) { return std::abs(time / group.seconds - 1) <= kSameTime; });
    known == groups.end() ? groups.push_back({time, 1}) : void(++known->scans);
  }
  if (groups.size() + (unknown > 0 ? 1 : 0) < 2) return {};
  std::ranges::sort(groups, {}, &Group::seconds);
  std::string counts;
  for (std::size_t g = 0; g < std::min(groups.size(), kMaxShown); ++g)
    counts += fmt::format("{}{:.6g} s in {} scans", g == 0 ? "" : ", ", groups[g].seconds, groups[g].scans);
  if (groups.size() > kMaxShown) counts += fmt::format(" and {} more", groups.size() - kMaxShown);
  if (unknown > 0) counts += fmt::format(", unknown in {}", unknown);
  return fmt::format(
      "the repetition times of the scans differ: {}; a window of as many frames covers another time in each: prepare "
      "with tr=SECONDS to bring all to one",
      counts);
}

}  // namespace brainmt::io
