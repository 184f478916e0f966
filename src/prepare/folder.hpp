#pragma once
// Looking into folders of scans, one level at a time. Links are followed: cohorts are often made of them.
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace brainmt::prepare {

/// The names in a directory, sorted; none where there is no such directory. Hidden ones are left out, as the `._*` and
/// `__MACOSX` that macOS leaves on shared disks. Throws DataError when it cannot be read.
std::vector<std::string> names_in(const std::filesystem::path& directory);

/// Something that may be a scan stands under this name: anything but a directory. A link to nothing counts, so that it
/// is reported and not overlooked.
bool stands_at(const std::filesystem::path& path);

/// In small letters (ASCII).
std::string lower(std::string_view text);

/// `path` with every digit as #: the shape of a name for messages, without saying whose it is.
std::string anonymous(std::string path);

}  // namespace brainmt::prepare
