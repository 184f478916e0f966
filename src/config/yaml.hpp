#pragma once
// Reading YAML configuration files: nested maps become dotted keys, in the order of the file.
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "config/value.hpp"

namespace brainmt::config {

using FlatYaml = std::vector<std::pair<std::string, RawValue>>;

/// Throws UsageError with file and line: unreadable, not YAML, a key twice, a key without value, a list inside a list.
FlatYaml read_yaml(const std::filesystem::path& path);

}  // namespace brainmt::config
