#pragma once
// Metadata of a file of connectivity, enough to interpret its rows without other files.
#include "connectivity/fit.hpp"

namespace brainmt::connectivity {

/// All of the whole cohort: everything but what follows from the rows of a shard.
FcDescription describe_fc(const FcSettings& settings, const io::Cohort& cohort, const Fit& fit, const FitReport& report,
                          std::span<const std::string> absent);

/// Marks the file as a shard whose first row is row `first` of the whole; the second removes the mark.
void set_shard(FcDescription& description, const FcShard& shard, std::size_t first);
void clear_shard(FcDescription& description);

/// Numbers that follow from the rows: participants, runs, motion.
void describe_rows(FcDescription& description);

/// Parcel numbers and names, at most ten: "17 LH_Vis_3, 203".
std::string names_of(const io::ParcelTable& parcels, std::span<const std::size_t> which);

}  // namespace brainmt::connectivity
