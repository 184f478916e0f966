#include "prepare/bids_space.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <tuple>

#include "base/error.hpp"

namespace brainmt::prepare {
namespace {

constexpr std::string_view kPreferred = "space-MNI152NLin6Asym_res-2";  // the grid of the published model
constexpr std::array<std::string_view, 11> kOwnSpaces{"",        "T1w",      "T2w",    "anat",    "func",      "bold",
                                                      "boldref", "fsnative", "native", "scanner", "individual"};

std::string_view template_of(std::string_view space) {
  if (space.empty()) return space;
  space.remove_prefix(std::string_view("space-").size());
  return space.substr(0, space.find('_'));
}

bool is_own(std::string_view space) { return std::ranges::count(kOwnSpaces, template_of(space)) > 0; }
bool is_mni(std::string_view space) { return template_of(space).starts_with("MNI"); }

// Ascending order is order of preference.
auto rank_of(const SpaceCounts::value_type& entry) {
  const auto& [space, count] = entry;
  const std::string_view name = template_of(space);
  const int by_template = name == "MNI152NLin6Asym" ? 0 : name == "MNI152NLin2009cAsym" ? 1 : 2;
  const int by_grid = space.ends_with("_res-2") ? 0 : 1;
  return std::tuple(is_mni(space) ? 0 : 1, -static_cast<long>(count), by_template, by_grid, std::string_view(space));
}

std::string listed(const SpaceCounts& counts) {
  std::string text;
  for (const auto& [space, count] : counts) {
    text +=
        fmt::format("{}{} ({} run{})", text.empty() ? "" : ", ", bids_space_text(space), count, count == 1 ? "" : "s");
  }
  return text;
}

std::string best_of(const SpaceCounts& counts) {
  const auto best = std::ranges::min_element(counts, {}, rank_of);
  const auto preferred = counts.find(std::string(kPreferred));
  return preferred != counts.end() && 2 * preferred->second >= best->second ? preferred->first : best->first;
}

// bids_space= as it is compared: `res-02` as `res-2`, `space-` in front.
std::string written_out(const std::string& wanted) {
  if (wanted == "native") return {};
  std::string text = wanted.starts_with("space-") ? wanted : "space-" + wanted;
  for (std::size_t at; (at = text.find("_res-0")) != std::string::npos && at + 6 < text.size();) text.erase(at + 5, 1);
  return text;
}

}  // namespace

std::string space_of(const io::BidsName& name) {
  std::string text;
  for (const std::string_view key : {"space", "cohort", "res"}) {
    const std::string_view value = name.value(key);
    if (value.empty() || (text.empty() && key != "space")) continue;
    text.append(text.empty() ? "" : "_").append(key).append("-");
    text.append(key == "res" ? value.substr(std::min(value.find_first_not_of('0'), value.size() - 1)) : value);
  }
  return text;
}

std::string choose_space(const SpaceCounts& counts, const std::string& wanted) {
  SpaceCounts candidates;
  const std::string named = wanted == "auto" ? "" : written_out(wanted);
  std::ranges::copy_if(counts, std::inserter(candidates, candidates.end()), [&](const auto& entry) {
    const std::string& space = entry.first;
    if (wanted == "auto") return !is_own(space);
    return space == named || (!named.empty() && space.starts_with(named + "_"));
  });
  if (!candidates.empty()) return best_of(candidates);
  if (wanted == "auto") {
    throw DataError(
        fmt::format("there are images in the participants' own spaces only: {}; they do not lie on each other: make "
                    "images in MNI (fMRIPrep: --output-spaces MNI152NLin6Asym:res-2), or ask for one of these with "
                    "bids_space=native (no space-) or bids_space=T1w",
                    listed(counts)));
  }
  throw DataError(fmt::format("no run has an image with bids_space={}; there are: {}", wanted, listed(counts)));
}

std::string bids_space_text(const std::string& space) { return space.empty() ? "no space- in its name" : space; }

}  // namespace brainmt::prepare
