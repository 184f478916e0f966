#pragma once
// The page of a file of connectivity: mean matrix and its sd ordered by network, parcels that many lack, motion.
#include <string>

#include "connectivity/statistics.hpp"

namespace brainmt::analysis {

/// A whole HTML document without identifiers of participants.
std::string connectivity_page(const connectivity::FcFile& file, const connectivity::FcStatistics& statistics,
                              const std::string& program);

}  // namespace brainmt::analysis
