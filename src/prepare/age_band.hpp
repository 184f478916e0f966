#pragma once
// Ages that a table gives as bands, as the open part of HCP's does.
#include <optional>
#include <string_view>

namespace brainmt::prepare {

/// Years from a band: the middle of `22-25` (23.5), the lower edge of an open band `36+`, whose upper edge is not
/// known. Nothing for any other text, an upper edge that is not above the lower, or more than 120 years.
std::optional<double> parse_age_band(std::string_view text);

}  // namespace brainmt::prepare
