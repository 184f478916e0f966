#pragma once
// Numbers for readers; files have all digits.
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analysis/paired.hpp"

namespace brainmt::analysis {

/// A metric: three decimals, or four significant digits below 0.001 and from 10 on; "n/a" for what is not finite.
std::string shown(double value);
/// "[0.612, 0.730]", or "n/a".
std::string shown_interval(const Estimate& estimate);
/// Two significant digits.
std::string shown_p(double p);
/// Three decimals, "<0.001" below 0.0005, "n/a" for what is not finite.
std::string fixed_p(double p);
/// Three decimals, "n/a" for what is not finite; never "-0.000".
std::string fixed(double value);

/// "a", "a and b", "a, b and c".
std::string in_words(const std::vector<std::string>& names);
/// "test part", "all parts".
std::string part_in_words(const std::string& part);

/// What a model has that knows nothing of the target: 0 of r, 0.5 of AUROC and balanced accuracy.
std::optional<double> chance_of(const std::string& metric);
/// One note where an interval has no width ("[1.000, 1.000]"), which says nothing of precision; empty where none has, and for
/// values that are chance exactly, as those of a constant are.
std::string no_width_note(std::span<const Estimate> estimates, const std::string& metric);

}  // namespace brainmt::analysis
