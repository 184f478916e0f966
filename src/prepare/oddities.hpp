#pragma once
// Warnings about scans that are used: one line per kind with the remedy; details per scan are in the report.
#include <span>

#include "prepare/scan_list.hpp"

namespace brainmt::prepare {

/// One line in the log for each kind, with the number of scans and the first of them.
void warn_of_oddities(std::span<const ScanEntry> scans);

}  // namespace brainmt::prepare
