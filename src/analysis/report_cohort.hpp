#pragma once
// Sections of a report about participants: cohort, baselines without scans, errors by group.
#include <optional>
#include <span>

#include "analysis/html.hpp"
#include "analysis/report_data.hpp"

namespace brainmt::analysis {

/// Section "Who was scanned": participants by part, exclusions, window, space, and the mean image. One sentence where
/// the cohort is not there any more.
void add_people(HtmlPage& page, std::span<const RunRecord> runs);

/// The metrics of the model beside the majority class or the mean of the training split, and beside age, sex, site and
/// motion alone. Nothing without the cohort.
std::optional<Table> levels_table(const RunRecord& run, const TargetResult& result);

/// Metrics by sex, site, and halves of age and motion. Nothing without the cohort or groups.
std::optional<Table> groups_table(const RunRecord& run, const TargetResult& result);

/// By participant, of those with a label: the logit of class 1, or the value.
Repeat scored(const TargetResult& result);

}  // namespace brainmt::analysis
