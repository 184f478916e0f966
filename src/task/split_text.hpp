#pragma once
// The content of split.json.
#include <string>

#include "task/split.hpp"

namespace brainmt::task {

/// What save_split() writes; its SHA-256 names the split in provenance.json and in what was fitted on it.
std::string split_text(const Split& split);

}  // namespace brainmt::task
