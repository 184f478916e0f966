#include "base/nearest.hpp"

#include <algorithm>
#include <limits>

namespace brainmt {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Three rows of the table d[i][j] = distance between the first i letters of a and the first j of b.
  std::vector<std::size_t> before(b.size() + 1), previous(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({previous[j] + 1, row[j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, previous);
    std::swap(previous, row);
  }
  return previous[b.size()];
}

std::string nearest_name(std::string_view given, const std::vector<std::string>& known) {
  std::string best;
  std::size_t best_cost = std::numeric_limits<std::size_t>::max();
  const auto consider = [&](const std::string& name, std::size_t cost, std::size_t length) {
    if (cost < best_cost && 2 * cost <= length) {
      best = name;
      best_cost = cost;
    }
  };
  for (const std::string& name : known) {
    consider(name, edit_distance(given, name), std::max(given.size(), name.size()));
    const std::size_t dot = name.rfind('.');
    if (dot == std::string::npos || given.find('.') != std::string_view::npos) continue;
    const std::string_view last = std::string_view(name).substr(dot + 1);
    // One more than the bare distance: a whole name that fits equally well wins.
    consider(name, edit_distance(given, last) + 1, std::max(given.size(), last.size()) + 2);
  }
  return best;
}

}  // namespace brainmt
