#include "task/deal.hpp"

#include <algorithm>
#include <limits>

#include "task/shuffle.hpp"

namespace brainmt::task {
namespace {

using Parts = std::vector<std::vector<std::string>>;

Philox random_of(const DealSeed& seed, std::size_t stratum) {
  return {seed.seed, seed.stream, seed.index << 32 | stratum};
}

// Stratum by stratum: each id goes to the part with the largest deficit of its share of all ids dealt so far.
Parts deal_people(const std::map<std::string, Person>& people, std::span<const double> shares, const DealSeed& seed) {
  std::map<std::size_t, std::vector<std::string>> strata;  // ids sorted
  for (const auto& [id, person] : people) strata[person.stratum].push_back(id);
  Parts parts(shares.size());
  std::size_t dealt = 0;
  for (auto& [number, stratum] : strata) {
    shuffle(stratum, random_of(seed, number));
    for (std::string& id : stratum) {
      ++dealt;
      std::vector<double> behind;
      for (std::size_t p = 0; p < shares.size(); ++p)
        behind.push_back(shares[p] * static_cast<double>(dealt) - static_cast<double>(parts[p].size()));
      parts[static_cast<std::size_t>(std::ranges::max_element(behind) - behind.begin())].push_back(std::move(id));
    }
  }
  return parts;
}

// Numbers of participants: of each stratum, then of all.
using Counts = std::vector<double>;

struct Group {
  std::vector<std::string> ids;
  Counts counts;
};

std::vector<Group> groups_of(const std::map<std::string, Person>& people, std::size_t strata) {
  std::map<std::pair<bool, std::string>, Group> groups;
  for (const auto& [id, person] : people) {
    const bool is_alone = person.group.empty();
    Group& group = groups[{is_alone, is_alone ? id : person.group}];
    group.counts.resize(strata + 1);
    group.ids.push_back(id);
    ++group.counts[person.stratum];
    ++group.counts[strata];
  }
  std::vector<Group> list;
  for (auto& [name, group] : groups) list.push_back(std::move(group));
  return list;
}

// Increase of the part's chi-square distance from its shares when the group joins it.
double harm_of(const Group& group, const Counts& part, const Counts& everyone, double share) {
  double harm = 0;
  for (std::size_t s = 0; s < everyone.size(); ++s) {
    if (group.counts[s] == 0) continue;
    const double expected = share * everyone[s];
    harm += group.counts[s] * (2 * (part[s] - expected) + group.counts[s]) / expected;
  }
  return harm;
}

// Largest groups first; small ones fill the remaining gaps.
Parts deal_groups(const std::map<std::string, Person>& people, std::span<const double> shares, const DealSeed& seed) {
  std::size_t strata = 0;
  for (const auto& [id, person] : people) strata = std::max(strata, person.stratum + 1);
  std::vector<Group> groups = groups_of(people, strata);
  shuffle(groups, random_of(seed, 0));
  std::ranges::stable_sort(groups, std::ranges::greater{}, [](const Group& group) { return group.ids.size(); });
  Counts everyone(strata + 1);
  for (const Group& group : groups)
    for (std::size_t s = 0; s < everyone.size(); ++s) everyone[s] += group.counts[s];

  Parts parts(shares.size());
  std::vector<Counts> counts(shares.size(), Counts(strata + 1));
  for (std::size_t g = 0; g < groups.size(); ++g) {
    std::size_t empty = 0;
    for (std::size_t p = 0; p < shares.size(); ++p) empty += shares[p] > 0 && parts[p].empty() ? 1 : 0;
    const bool only_empty = groups.size() - g <= empty;
    std::size_t best = 0;
    double min_harm = std::numeric_limits<double>::infinity();
    for (std::size_t p = 0; p < shares.size(); ++p) {
      if (shares[p] <= 0 || (only_empty && !parts[p].empty())) continue;
      const double harm = harm_of(groups[g], counts[p], everyone, shares[p]);
      if (harm < min_harm) {
        min_harm = harm;
        best = p;
      }
    }
    for (std::size_t s = 0; s < everyone.size(); ++s) counts[best][s] += groups[g].counts[s];
    std::ranges::move(groups[g].ids, std::back_inserter(parts[best]));
  }
  return parts;
}

}  // namespace

std::vector<std::vector<std::string>> deal(const std::map<std::string, Person>& people, std::span<const double> shares,
                                           const DealSeed& seed) {
  const bool any_group = std::ranges::any_of(people, [](const auto& entry) { return !entry.second.group.empty(); });
  return any_group ? deal_groups(people, shares, seed) : deal_people(people, shares, seed);
}

}  // namespace brainmt::task
