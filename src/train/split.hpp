#pragma once
// Training, validation and test participants. The split is by participant, so all runs of one person are on the same
// side; stratified by the target; a function of the set of participants, the fractions and the seed, whatever the order
// of the rows. It is saved in a run's split.json and every later command reads it from there.
#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace brainmt::train {

enum class Part { kTrain, kVal, kTest };
inline constexpr std::array kParts{Part::kTrain, Part::kVal, Part::kTest};
std::string_view name_of(Part part);

/// How the target makes strata: one for each value, or bins of equal numbers of participants.
enum class Stratify { kClasses, kQuantiles };

/// One row of a table: a participant may have several (runs), all with the same target.
struct Participant {
  std::string id;
  double target = 0.0;
};

struct Split {
  std::uint64_t seed = 0;
  std::array<double, 3> fractions{};            // of train, val, test
  std::array<std::vector<std::string>, 3> ids;  // by Part; each sorted

  const std::vector<std::string>& of(Part part) const { return ids[static_cast<std::size_t>(part)]; }
};

/// Each part's number of participants is its exact share within one, and so in all strata up to any one; a stratum's
/// shares are exact within two. Throws UsageError for fractions that are negative or do not sum to 1, DataError when a
/// part that was asked for stays empty or a participant has two targets.
Split make_split(std::span<const Participant> rows, const std::array<double, 3>& fractions, std::uint64_t seed,
                 Stratify stratify);

/// Writes {format, version, seed, fractions, ids_sha256, train, val, test}; the hash is of all ids, sorted, one a line.
/// Throws OutputError.
void save_split(const Split& split, const std::filesystem::path& path);

/// Throws DataError for a file that is not a split, an id in two parts or twice in one, or a hash that does not fit.
Split load_split(const std::filesystem::path& path);

/// Throws DataError when the split names a participant that is not in `known` (say, all those of the cohort at
/// `source`), with how many and the first. Known participants outside the split are allowed: no part uses them.
void check_known(const Split& split, std::span<const std::string> known, const std::string& source);

/// Indices into `ids` of those in this part, ascending. Repeated ids (runs) all appear.
std::vector<std::size_t> members(const Split& split, Part part, std::span<const std::string> ids);

}  // namespace brainmt::train
