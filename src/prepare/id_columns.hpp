#pragma once
// Finds the columns of participant and session identifiers in a table.
#include <cstddef>
#include <string>
#include <vector>

namespace brainmt::prepare {

inline constexpr std::size_t kNoColumn = static_cast<std::size_t>(-1);

/// The column of participants: `wanted`, or where that is empty the first of the known names that there is. Throws
/// DataError that begins with `where`.
std::size_t find_id_column(const std::vector<std::string>& names, const std::string& wanted, const std::string& where);

/// The column of sessions; kNoColumn.
std::size_t find_session_column(const std::vector<std::string>& names);

}  // namespace brainmt::prepare
