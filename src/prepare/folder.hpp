#pragma once
// Lists folders of scans, one level at a time. Links are followed: many cohorts are folders of links.
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace brainmt::prepare {

/// The names in a directory, sorted; none where there is no such directory. Hidden ones are left out, as the `._*` and
/// `__MACOSX` that macOS leaves on shared disks. Throws DataError when it cannot be read.
std::vector<std::string> names_in(const std::filesystem::path& directory);

/// True for anything but a directory, a dangling link included, so that it is reported and not overlooked.
bool stands_at(const std::filesystem::path& path);

/// In small letters (ASCII).
std::string lower(std::string_view text);

/// `path` with every digit as #: the shape of a name for messages, without the participant's identifier.
std::string anonymous(std::string path);

}  // namespace brainmt::prepare
