#pragma once
// Who belongs together when participants are drawn or swapped: families, or any other column.
#include <filesystem>

#include "analysis/paired.hpp"
#include "io/cohort.hpp"

namespace brainmt::analysis {

/// Of a phenotype column of the cohort, as data.split_group reads it: participants without a value are alone. Throws
/// DataError when there is no such column, or one participant has two values.
Blocks blocks_of(const io::Cohort& cohort, const std::string& column);

/// Of a column of a table with `participant_id`.
Blocks blocks_of(const std::filesystem::path& table, const std::string& column);

}  // namespace brainmt::analysis
