#pragma once
// Names of the files of an evaluation: those of the test split are bare (predictions.tsv, metrics.json, roc.svg),
// others carry their part (predictions.val.tsv), so that evaluating one split keeps the results of the others.
#include <filesystem>
#include <string>

namespace brainmt::analysis {

/// `name` is the bare one; `part` is train, val, test or all.
std::string result_file(const std::string& name, const std::string& part);

/// Is this the name of a plot of that part?
bool is_plot_file(const std::string& name, const std::string& part);

/// The part whose results lie in `directory`: test where there are any, else all, val or train; "" where there are
/// none.
std::string evaluated_part(const std::filesystem::path& directory);

}  // namespace brainmt::analysis
