#pragma once
// Files that stand where data is expected and hold something else: a pointer to data that was not fetched, a web page
// that was saved under the data's name.
#include <filesystem>
#include <string>

namespace brainmt::io {

/// "is a pointer of git-annex, not the data: fetch them with datalad get (or git annex get)" and the like; empty where
/// the file is none of what is known here, or cannot be read.
std::string foreign_file(const std::filesystem::path& path);

/// The same for a symbolic link to data that git-annex has not fetched; empty for other paths.
std::string foreign_link(const std::filesystem::path& path);

}  // namespace brainmt::io
