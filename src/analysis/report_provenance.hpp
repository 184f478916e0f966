#pragma once
// Provenance section of a report.
#include <span>

#include "analysis/html.hpp"
#include "analysis/report_data.hpp"

namespace brainmt::analysis {

/// A table for each run: cohort, split, and for every start when, where and with what.
void add_provenance(HtmlPage& page, std::span<const RunRecord> runs);

}  // namespace brainmt::analysis
