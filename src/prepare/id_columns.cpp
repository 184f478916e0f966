#include "prepare/id_columns.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "io/find_column.hpp"
#include "io/lower_case.hpp"
#include "io/printable.hpp"

namespace brainmt::prepare {
namespace {

// In the order of preference, in lower case.
constexpr std::array<std::string_view, 14> kIdNames{
    "participant_id", "participant", "subject",         "subject_id", "subjectid",      "sub",        "eid",
    "n_eid",          "f.eid",       "participant.eid", "sub_id",     "src_subject_id", "subjectkey", "id"};
constexpr std::array<std::string_view, 8> kSessionNames{"session_id", "session",    "ses",   "ses_id",
                                                        "eventname",  "event_name", "visit", "visit_id"};

// The first of the known names that the table has; kNoColumn.
template <std::size_t N>
std::size_t find_known(const std::vector<std::string>& names, const std::array<std::string_view, N>& known) {
  for (const std::string_view wanted : known) {
    const auto found = std::ranges::find_if(names, [&](const auto& name) { return io::lower_case(name) == wanted; });
    if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  }
  return kNoColumn;
}

}  // namespace

std::size_t find_id_column(const std::vector<std::string>& names, const std::string& wanted, const std::string& where) {
  if (!wanted.empty()) return io::require_column(names, wanted, where);
  if (const std::size_t found = find_known(names, kIdNames); found != kNoColumn) return found;
  throw DataError(fmt::format(
      "{} has no column of participants: expected participant_id, Subject, subject_id, eid, n_eid or f.eid, found {} "
      "columns, the first {}; name it with id_column=",
      where, names.size(), io::printable(names.front())));
}

std::size_t find_session_column(const std::vector<std::string>& names) { return find_known(names, kSessionNames); }

}  // namespace brainmt::prepare
