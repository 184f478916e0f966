#pragma once
// BIDS's tables of the sessions of a participant, `sub-<id>/sub-<id>_sessions.tsv`, joined to the table of
// participants.
//
// The joined table has a row for each session, and behind them one without a session, for scans of sessions that the
// files do not list. A column that both have is that of the sessions where they come first, else the participants'. A
// participant whose sessions have a column takes nothing from another's of that name: a session without a value, or
// without a row, is missing it. Where there is a table of participants, the joined one has its participants only.
#include <filesystem>
#include <string>
#include <vector>

#include "io/table.hpp"
#include "prepare/phenotypes.hpp"
#include "prepare/scan_list.hpp"

namespace brainmt::prepare {

/// Those of the participants in the input: there, or in the dataset above derivatives/<pipeline>. Only BIDS has them.
std::vector<std::filesystem::path> find_session_tables(const ListSettings& settings);

/// `path`: of the table of participants; empty: none. `choose`: as for io::Table::read, of the names of the joined
/// table. Files of sessions that cannot be read are skipped, with a line in `warnings`. Throws DataError as
/// io::Table::read does.
io::Table read_with_sessions(const std::filesystem::path& path, const PhenotypeSettings& settings,
                             const io::Table::Choice& choose, std::vector<std::string>& warnings);

}  // namespace brainmt::prepare
