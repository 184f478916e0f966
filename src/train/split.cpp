#include "train/split.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/error.hpp"
#include "io/atomic_file.hpp"
#include "io/checksum.hpp"
#include "train/shuffle.hpp"

namespace brainmt::train {
namespace {

constexpr std::uint32_t kSplitStream = 0x5711;
constexpr const char* kFormat = "brainmt-split";
constexpr int kVersion = 1;
// Quantile bins: enough to balance the tails, each with enough participants for all parts.
constexpr std::size_t kMaxBins = 10, kParticipantsPerBin = 20;

void check_fractions(const std::array<double, 3>& f) {
  const double sum = f[0] + f[1] + f[2];
  if (std::ranges::all_of(f, [](double x) { return x >= 0.0 && x <= 1.0; }) && std::abs(sum - 1.0) < 1e-9) return;
  throw UsageError(fmt::format(
      "data.split_fractions=[{},{},{}]: expected three numbers from 0 to 1 with the sum 1, found the sum {}", f[0],
      f[1], f[2], sum));
}

// Each participant once, sorted by id.
std::map<std::string, double> targets_by_id(std::span<const Participant> rows) {
  std::map<std::string, double> targets;
  for (const auto& [id, target] : rows) {
    const auto [known, is_new] = targets.try_emplace(id, target);
    if (!is_new && known->second != target) {
      throw DataError(fmt::format("participant {} has the target {} in one row and {} in another: expected one value",
                                  id, known->second, target));
    }
  }
  return targets;
}

// The ids of each stratum, sorted by id within it.
std::vector<std::vector<std::string>> make_strata(const std::map<std::string, double>& targets, Stratify stratify) {
  std::vector<std::pair<double, std::string>> by_target;
  for (const auto& [id, target] : targets) by_target.emplace_back(target, id);
  std::ranges::sort(by_target);

  const std::size_t bins = std::clamp<std::size_t>(by_target.size() / kParticipantsPerBin, 1, kMaxBins);
  std::vector<std::vector<std::string>> strata;
  for (std::size_t i = 0; i < by_target.size(); ++i) {
    const bool opens_stratum =
        i == 0 || (stratify == Stratify::kClasses ? by_target[i].first != by_target[i - 1].first
                                                  : i * bins / by_target.size() != (i - 1) * bins / by_target.size());
    if (opens_stratum) strata.emplace_back();
    strata.back().push_back(by_target[i].second);
  }
  for (auto& stratum : strata) std::ranges::sort(stratum);
  return strata;
}

std::string hash_of_ids(const Split& split) {
  std::vector<std::string> all;
  for (const auto& part : split.ids) all.insert(all.end(), part.begin(), part.end());
  std::ranges::sort(all);
  std::string text;
  for (const std::string& id : all) text += id + '\n';
  return io::sha256(std::as_bytes(std::span(text)));
}

void check_disjoint(const Split& split, const std::filesystem::path& path) {
  std::map<std::string_view, Part> seen;
  for (const Part part : kParts) {
    for (const std::string& id : split.of(part)) {
      const auto [known, is_new] = seen.try_emplace(id, part);
      if (!is_new) {
        throw DataError(fmt::format("{}: participant {} is in {} and again in {}: expected every participant once",
                                    path.string(), id, name_of(known->second), name_of(part)));
      }
    }
  }
}

}  // namespace

std::string_view name_of(Part part) {
  switch (part) {
    case Part::kTrain:
      return "train";
    case Part::kVal:
      return "val";
    case Part::kTest:
      return "test";
  }
  return "?";
}

Split make_split(std::span<const Participant> rows, const std::array<double, 3>& fractions, std::uint64_t seed,
                 Stratify stratify) {
  check_fractions(fractions);
  Split split{.seed = seed, .fractions = fractions, .ids = {}};
  const auto strata = make_strata(targets_by_id(rows), stratify);
  std::size_t dealt = 0;
  for (std::size_t s = 0; s < strata.size(); ++s) {
    std::vector<std::string> stratum = strata[s];
    shuffle(stratum, Philox(seed, kSplitStream, s));
    for (std::string& id : stratum) {
      // To the part that is furthest behind its share of all dealt so far, from stratum to stratum.
      ++dealt;
      std::array<double, 3> behind;
      for (std::size_t p = 0; p < 3; ++p) {
        behind[p] = fractions[p] * static_cast<double>(dealt) - static_cast<double>(split.ids[p].size());
      }
      split.ids[std::ranges::max_element(behind) - behind.begin()].push_back(std::move(id));
    }
  }
  for (const Part part : kParts) {
    const auto p = static_cast<std::size_t>(part);
    std::ranges::sort(split.ids[p]);
    if (fractions[p] > 0.0 && split.ids[p].empty()) {
      throw DataError(
          fmt::format("{} participants are too few: the part {} with the fraction {} would be empty; use more "
                      "participants or other data.split_fractions",
                      dealt, name_of(part), fractions[p]));
    }
  }
  return split;
}

void save_split(const Split& split, const std::filesystem::path& path) {
  nlohmann::ordered_json json{{"format", kFormat},
                              {"version", kVersion},
                              {"seed", split.seed},
                              {"fractions", split.fractions},
                              {"ids_sha256", hash_of_ids(split)}};
  for (const Part part : kParts) json[std::string(name_of(part))] = split.of(part);
  io::write_atomically(path, json.dump(1) + "\n");
}

Split load_split(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) throw DataError(fmt::format("{}: the split file cannot be read", path.string()));
  Split split;
  std::string hash;
  try {
    const auto json = nlohmann::json::parse(file);
    if (json.at("format") != kFormat || json.at("version") != kVersion) {
      throw DataError(fmt::format("{}: expected format {} version {}, found {} version {}", path.string(), kFormat,
                                  kVersion, json.at("format").dump(), json.at("version").dump()));
    }
    json.at("seed").get_to(split.seed);
    json.at("fractions").get_to(split.fractions);
    json.at("ids_sha256").get_to(hash);
    for (const Part part : kParts) {
      auto& ids = split.ids[static_cast<std::size_t>(part)];
      json.at(std::string(name_of(part))).get_to(ids);
      std::ranges::sort(ids);
    }
  } catch (const nlohmann::json::exception& error) {
    throw DataError(fmt::format("{}: not a split file: {}", path.string(), error.what()));
  }
  check_disjoint(split, path);
  if (hash != hash_of_ids(split)) {
    throw DataError(
        fmt::format("{}: the participants do not fit ids_sha256: the file was changed after it was made; make "
                    "a new split or use the original file",
                    path.string()));
  }
  return split;
}

void check_known(const Split& split, std::span<const std::string> known, const std::string& source) {
  std::vector<std::string_view> sorted(known.begin(), known.end());
  std::ranges::sort(sorted);
  std::size_t unknown = 0;
  std::string first;
  for (const auto& part : split.ids) {
    for (const std::string& id : part) {
      if (!std::ranges::binary_search(sorted, std::string_view(id)) && unknown++ == 0) first = id;
    }
  }
  if (unknown > 0) {
    throw DataError(
        fmt::format("{} of the participants of the split are not in {}, the first is {}: expected a split of "
                    "the same cohort; check data.split_file",
                    unknown, source, first));
  }
}

std::vector<std::size_t> members(const Split& split, Part part, std::span<const std::string> ids) {
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (std::ranges::binary_search(split.of(part), ids[i])) indices.push_back(i);
  }
  return indices;
}

}  // namespace brainmt::train
