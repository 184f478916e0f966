#pragma once
// Numbers for readers; files have all digits.
#include <string>

#include "analysis/paired.hpp"

namespace brainmt::analysis {

/// A metric: three decimals, or four significant digits below 0.001 and from 10 on; "n/a" for what is not finite.
std::string shown(double value);
/// "[0.612, 0.730]", or "n/a".
std::string shown_interval(const Estimate& estimate);
/// Two significant digits.
std::string shown_p(double p);

}  // namespace brainmt::analysis
