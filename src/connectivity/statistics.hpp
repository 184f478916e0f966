#pragma once
// Statistics of a file of connectivity over its participants, for pictures, tables and the log. One pass over the rows,
// in their order, by one rank.
//   mean_e, sd_e    over the participants that have edge e; sd with n - 1
//   mean FC         of a participant: the mean of its values over its edges; of a block of two networks likewise
//   quality-motion  Pearson's r of mean FC with mean FD over participants: motion that leaks into connectivity
#include <string>
#include <vector>

#include "connectivity/fc_file.hpp"
#include "linalg/matrix.hpp"

namespace brainmt::connectivity {

struct FcStatistics {
  std::vector<double> mean, sd;         // [edges] of the stored values; NaN: fewer than one, two participants have it
  std::vector<std::size_t> known;       // [edges] participants that have it
  std::vector<double> mean_fc;          // [participants]; NaN: no edge
  std::vector<std::string> networks{};  // in the order of their first parcel; "" is no network
  linalg::Matrix block_motion{};        // [networks, networks]; NaN: not known
  double motion = 0;                    // quality-motion over all edges; NaN: not known
  std::size_t motion_known = 0;         // participants of it
};

FcStatistics statistics_of(const FcFile& file);

/// Number of each parcel's network in `networks`, which receives the names.
std::vector<std::size_t> networks_of(const io::ParcelTable& parcels, std::vector<std::string>& networks);

/// participant_id run frames mean_fd mean_fc edges_missing: a row a participant (run n/a), or a run where the file has
/// them. What is not known is n/a.
std::string quality_table(const FcFile& file, const FcStatistics& statistics);
inline constexpr const char* kQualityHeader = "participant_id\trun\tframes\tmean_fd\tmean_fc\tedges_missing\n";

}  // namespace brainmt::connectivity
