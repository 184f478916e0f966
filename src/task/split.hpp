#pragma once
// Training, validation and test participants. The split is by participant, so all runs of one person are in the same
// split; by group (family, site) where participants have one, so a whole group is in the same split; stratified by the
// target; a function of the set of participants, the plan and the seed, independent of the order of rows. It is saved
// in a run's split.json and every later command reads it from there.
#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace brainmt::task {

enum class Part { kTrain, kVal, kTest };
inline constexpr std::array kParts{Part::kTrain, Part::kVal, Part::kTest};
std::string_view name_of(Part part);
/// "train", "val" or "test"; nothing for another text, as "all".
std::optional<Part> part_named(std::string_view name);

/// How the target makes strata: one for each value, or bins of equal numbers of participants. Participants without a
/// target are one more stratum.
enum class Stratify { kClasses, kQuantiles };

/// One row of a table: a participant may have several (runs), all with the same target and group.
struct Participant {
  std::string id;
  double target = 0.0;  // NaN: none
  std::string group{};  // empty: a group of its own
};

/// How a split is made. With `folds` of at least 2 the participants are cut into that many folds of equal size, one and
/// the same partition for every `fold`; the test split is fold number `fold` (from 0), and the others are dealt to
/// training and validation in the ratio of their fractions.
struct SplitPlan {
  std::uint64_t seed = 42;
  std::array<double, 3> fractions{0.7, 0.15, 0.15};  // of train, val, test
  std::string group{};                               // the column that groups came from; empty: none
  int folds = 0, fold = 0;

  static SplitPlan from_config(const config::Config& config);  // data.split_*, data.folds, data.fold, run.seed
  bool operator==(const SplitPlan&) const = default;
};

struct Split {
  SplitPlan plan;
  std::array<std::vector<std::string>, 3> ids;  // by Part; each sorted

  const std::vector<std::string>& of(Part part) const { return ids[static_cast<std::size_t>(part)]; }
};

/// Without groups each part's number of participants is its exact share within one, and so in all strata up to any one;
/// a stratum's shares are exact within two. Groups are dealt whole, the largest first, each to the part where it does
/// least harm to the shares. Throws UsageError for fractions that are negative or do not sum to 1 and for a fold that
/// does not exist, DataError when a part that was asked for stays empty or a participant has two targets or groups.
Split make_split(std::span<const Participant> rows, const SplitPlan& plan, Stratify stratify);

/// Writes {format, version, seed, fractions, group, folds, fold, ids_sha256, train, val, test}; the hash is of all ids,
/// sorted, one a line. Throws OutputError.
void save_split(const Split& split, const std::filesystem::path& path);

/// Reads versions 1 (without groups and folds) and 2. Throws DataError for a file that is not a split, an id in two
/// parts or twice in one, or a hash that does not fit.
Split load_split(const std::filesystem::path& path);

/// Throws DataError when the split names a participant that is not in `known` (say, all those of the cohort at
/// `source`), with how many and the first. Known participants outside the split are allowed: no part uses them.
void check_known(const Split& split, std::span<const std::string> known, const std::string& source);

/// Throws DataError when two participants of one group are in different parts. Rows outside the split do not count.
/// `column` and `source` are for the message.
void check_groups(const Split& split, std::span<const Participant> rows, const std::string& column,
                  const std::string& source);

/// Indices into `ids` of those in this part, ascending. Repeated ids (runs) all appear.
std::vector<std::size_t> members(const Split& split, Part part, std::span<const std::string> ids);

}  // namespace brainmt::task
