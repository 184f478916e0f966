#pragma once
// What is odd about scans that are used all the same: said once for all of them, with the remedy; the report has the
// details of each.
#include <span>

#include "prepare/scan_list.hpp"

namespace brainmt::prepare {

/// One line in the log for each kind, with the number of scans and the first of them.
void warn_of_oddities(std::span<const ScanEntry> scans);

}  // namespace brainmt::prepare
