#include "prepare/bids_sidecar.hpp"

#include <algorithm>
#include <optional>

#include "base/error.hpp"
#include "prepare/folder.hpp"
#include "prepare/repetition_time.hpp"

namespace brainmt::prepare {
namespace {

bool applies_to(const io::BidsName& sidecar, const io::BidsName& image) {
  return sidecar.suffix == image.suffix && std::ranges::all_of(sidecar.entities, [&](const auto& entity) {
           return image.value(entity.first) == entity.second;
         });
}

}  // namespace

const BidsSidecars::Names& BidsSidecars::in_folder(const std::string& folder) {
  const auto known = folders_.find(folder);
  if (known != folders_.end()) return known->second;
  Names names;
  for (const std::string& file : names_in(input_ / folder)) {
    if (!file.ends_with(".json")) continue;
    auto name = io::parse_bids_name(file);
    if (!name && file == "bold.json") name = io::BidsName{.entities = {}, .suffix = "bold", .extension = ".json"};
    if (name && name->extension == ".json") names.emplace_back(file, *std::move(name));
  }
  const auto count = [](const auto& name) { return name.second.entities.size(); };
  std::ranges::stable_sort(names, std::ranges::greater(), count);
  return folders_.emplace(folder, std::move(names)).first->second;
}

bool BidsSidecars::has_time(const std::string& sidecar) {
  const auto known = has_time_.find(sidecar);
  if (known != has_time_.end()) return known->second;
  bool found = true;
  try {
    found = sidecar_time(input_ / sidecar).has_value();
  } catch (const DataError&) {  // the nearest one decides, and its error is the scan's
  }
  return has_time_[sidecar] = found;
}

std::string BidsSidecars::find(const std::string& folder, std::string_view file) {
  const auto image = io::parse_bids_name(file);
  if (!image) return {};
  std::vector<std::string> candidates;
  for (std::string level = folder;;) {
    for (const auto& [name, sidecar] : in_folder(level))
      if (applies_to(sidecar, *image)) candidates.push_back(level + name);
    if (level.empty()) break;
    const std::size_t slash = level.rfind('/', level.size() - 2);
    level.resize(slash == std::string::npos ? 0 : slash + 1);
  }
  if (candidates.empty()) return {};
  if (candidates.size() == 1) return candidates.front();  // not read twice
  const auto found = std::ranges::find_if(candidates, [&](const std::string& name) { return has_time(name); });
  return found == candidates.end() ? candidates.front() : *found;
}

}  // namespace brainmt::prepare
