#pragma once
// Sections of a report about predictions: metrics, baselines without scans, errors by group, figures; several runs
// share axes and get paired differences.
#include <span>
#include <string>

#include "analysis/html.hpp"
#include "analysis/report_data.hpp"

namespace brainmt::analysis {

/// Keys of metrics.json in the order of the page.
std::span<const std::string> metrics_of_kind(bool classification);
/// The value with four digits; empty where it is not there.
std::string value_text(const nlohmann::ordered_json& metrics, const std::string& key);

/// A section for each target. `bins`: of the calibration diagram.
void add_results(HtmlPage& page, std::span<const RunRecord> runs, int bins);

}  // namespace brainmt::analysis
