#include "prepare/match_ids.hpp"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "base/nearest.hpp"
#include "io/lower_case.hpp"

namespace brainmt::prepare {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_number(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_digit); }
bool has_leading_zero(std::string_view id) { return id.size() > 1 && id.front() == '0' && is_number(id); }

void drop_fraction(std::string& id) {
  const std::size_t point = id.find('.');
  if (point == std::string::npos || !is_number(std::string_view(id).substr(0, point))) return;
  if (id.find_first_not_of('0', point + 1) == std::string::npos) id.erase(point);
}

void drop_separators(std::string& id) {
  if (std::ranges::none_of(id, [](char c) { return c >= 'a' && c <= 'z'; })) return;
  std::erase_if(id, [](char c) { return c == '-' || c == '_' || c == ' '; });
  if (id.starts_with("sub") && id.size() > 3) id.erase(0, 3);
}

void drop_zeros(std::string& id) {
  if (has_leading_zero(id)) id.erase(0, std::min(id.find_first_not_of('0'), id.size() - 1));
}

constexpr std::array<std::string_view, 5> kRules{"written as a float", "in another case", "with other - and _",
                                                 "without leading zeros", "without its visit"};

std::string key_of(const std::string& id, std::size_t rule, bool zeros) {
  constexpr std::size_t kFloat = 0, kCase = 1, kSeparators = 2, kZeros = 3, kVisit = 4;
  std::string key = rule >= kVisit ? std::string(split_visit(id).id) : id;
  if (rule >= kFloat) drop_fraction(key);
  if (rule >= kCase) key = io::lower_case(key);
  if (rule >= kSeparators) drop_separators(key);
  if (rule >= kZeros && zeros) drop_zeros(key);
  return key;
}

}  // namespace

std::string_view bare_id(std::string_view id) {
  constexpr std::string_view kBids = "sub-", kBulk = "_20227_";
  if (id.starts_with(kBids) && id.size() > kBids.size()) id.remove_prefix(kBids.size());
  const std::size_t bulk = id.find(kBulk);
  return bulk == std::string_view::npos || bulk == 0 ? id : id.substr(0, bulk);
}

IdVisit split_visit(std::string_view id) {
  if (const std::size_t at = id.find("_ses-"); at != std::string_view::npos && at > 0) {
    const std::string_view rest = id.substr(at + 5);
    return {id.substr(0, at), rest.substr(0, rest.find('_'))};
  }
  for (std::size_t at = id.find("_V"); at != std::string_view::npos; at = id.find("_V", at + 1)) {
    const std::string_view rest = id.substr(at + 1);
    const std::string_view visit = rest.substr(0, rest.find('_'));
    const std::string_view behind = rest.substr(visit.size());
    if (at > 0 && is_number(visit.substr(1)) && (behind.empty() || behind == "_MR" || behind == "_A" || behind == "_X"))
      return {id.substr(0, at), visit};
  }
  return {id, {}};
}

std::unordered_map<std::string, LooseId> match_loosely(const std::vector<std::string>& participants,
                                                       const std::vector<std::string>& ids) {
  const std::unordered_set<std::string> known(ids.begin(), ids.end());
  const bool zeros = std::ranges::none_of(ids,
                                          [](std::string id) {
                                            drop_fraction(id);
                                            return has_leading_zero(id);
                                          }) ||
                     std::ranges::none_of(participants, has_leading_zero);
  std::vector<std::string> open;
  for (const std::string& participant : participants) {
    if (!known.contains(participant)) open.push_back(participant);
  }
  std::unordered_map<std::string, LooseId> matches;
  for (std::size_t rule = 0; rule < kRules.size() && !open.empty(); ++rule) {
    std::unordered_map<std::string, std::size_t> people;
    std::unordered_map<std::string, std::vector<const std::string*>> rows;
    for (const std::string& participant : participants) ++people[key_of(participant, rule, zeros)];
    for (const std::string& id : ids) rows[key_of(id, rule, zeros)].push_back(&id);
    std::erase_if(open, [&](const std::string& participant) {
      const std::string key = key_of(participant, rule, zeros);
      const auto found = rows.find(key);
      if (found == rows.end()) return false;
      if (found->second.size() == 1 && people[key] == 1)
        matches.emplace(participant, LooseId{*found->second.front(), kRules[rule]});
      return true;  // ambiguous: several match, and looser rules cannot separate them
    });
  }
  return matches;
}

std::string nearest_id(std::string_view participant, const std::vector<std::string>& ids) {
  constexpr std::size_t kMaxIds = 50'000;
  const std::string key = key_of(std::string(participant), kRules.size() - 1, true);
  for (const std::string& id : ids) {
    const std::string other = key_of(id, kRules.size() - 1, true);
    if (other == key) return id;
  }
  if (ids.size() > kMaxIds) return {};
  const std::string nearest = nearest_name(participant, ids);
  // In ids of digits another digit is another person.
  return nearest.empty() || edit_distance(participant, nearest) > 2 ? std::string() : nearest;
}

}  // namespace brainmt::prepare
