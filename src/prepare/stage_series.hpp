#pragma once
// One table of series: read, put in order, censored, resampled.
#include "prepare/prepare.hpp"
#include "prepare/series_columns.hpp"
#include "prepare/staged_series.hpp"

namespace brainmt::prepare {

/// Never throws for what is wrong with the scan: that is its reason. Throws io::UnreadableError, which another attempt
/// may mend. The identity is left empty.
StagedSeries make_series(const PrepareConfig& config, const ScanEntry& scan, const SeriesColumns& columns);

}  // namespace brainmt::prepare
