#pragma once
// "Did you mean": the known name that is the fewest typing errors away from an unknown one.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace brainmt {

/// Fewest insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The nearest of `known`, or "" when even that one differs in more than half of the letters. A name given without its
/// section ("lr") is also compared with the last component of each known name ("optimizer.lr").
std::string nearest_name(std::string_view given, const std::vector<std::string>& known);

}  // namespace brainmt
