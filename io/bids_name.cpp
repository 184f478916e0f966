#include "io/bids_name.hpp"

#include <algorithm>

namespace brainmt::io {

std::string_view BidsName::value(std::string_view key) const {
  const auto found = std::ranges::find_if(entities, [&](const auto& entity) { return entity.first == key; });
  return found == entities.end() ? std::string_view() : found->second;
}

std::string BidsName::without(const std::vector<std::string_view>& left_out) const {
  std::string text;
  for (const auto& [key, entity] : entities) {
    if (std::ranges::count(left_out, key) > 0) continue;
    text.append(text.empty() ? "" : "_").append(key).append("-").append(entity);
  }
  return text;
}

std::optional<BidsName> parse_bids_name(std::string_view file) {
  const std::size_t dot = file.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  BidsName name;
  name.extension = file.substr(dot);
  for (std::string_view stem = file.substr(0, dot);;) {
    const std::size_t end = stem.find('_');
    const std::string_view part = stem.substr(0, end);
    const std::size_t dash = part.find('-');
    if (end == std::string_view::npos) {  // the last part is the suffix
      if (part.empty() || dash != std::string_view::npos || name.entities.empty()) return std::nullopt;
      name.suffix = part;
      return name;
    }
    if (dash == std::string_view::npos || dash == 0 || dash + 1 == part.size()) return std::nullopt;
    const std::string key(part.substr(0, dash));
    if (!name.value(key).empty()) return std::nullopt;
    name.entities.emplace_back(key, part.substr(dash + 1));
    stem.remove_prefix(end + 1);
  }
}

}  // namespace brainmt::io
