#pragma once
// Sections of a report about predictions: metrics, baselines without scans, errors by group, figures; several runs
// share axes and get paired differences.
#include <map>
#include <span>
#include <string>
#include <vector>

#include "analysis/html.hpp"
#include "analysis/report_data.hpp"

namespace brainmt::analysis {

/// Keys of metrics.json in the order of the page.
std::span<const std::string> metrics_of_kind(bool classification);
/// The value with four digits; empty where it is not there.
std::string value_text(const nlohmann::ordered_json& metrics, const std::string& key);

/// What each result looks like beside the baselines of its run; nothing for a result without any.
using BesideBaselines = std::map<const TargetResult*, std::vector<BaselineScore>>;
BesideBaselines beside_baselines(std::span<const RunRecord> runs);

/// A section for each target. `bins`: of the calibration diagram.
void add_results(HtmlPage& page, std::span<const RunRecord> runs, const BesideBaselines& baselines, int bins);

}  // namespace brainmt::analysis
