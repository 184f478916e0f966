#pragma once
// The page of `brainmt report`: one or several runs in one self-contained HTML document.
#include <span>
#include <string>

#include "analysis/report_data.hpp"

namespace brainmt::analysis {

struct ReportSettings {
  std::string title;    // empty: made from the tasks
  int bins = 10;        // of the calibration diagram
  std::string program;  // name, version and revision, for the last line
};

/// `runs` are at least one, with different names.
std::string report_page(std::span<const RunRecord> runs, const ReportSettings& settings);

}  // namespace brainmt::analysis
