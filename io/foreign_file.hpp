#pragma once
// Recognises files of other kinds where data is expected: other formats, archives, Git LFS pointers, a saved web page.
// One list for all readers.
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace brainmt::io {

struct ForeignKind {
  std::string what;    // "a pointer of Git LFS, not the data"
  std::string remedy;  // "fetch them with 'git lfs pull'"; may be empty
  /// "a zip archive: unpack it".
  std::string text() const { return remedy.empty() ? what : what + ": " + remedy; }
};

/// Which reader asks: a table may be UTF-16, a scan may be gzip, and remedies differ.
enum class Reader { kAny, kTable, kScan };

/// Kind of the file with this name whose first 4 KiB (or whole content) are `start`; nothing: not in the list.
std::optional<ForeignKind> foreign_kind(const std::filesystem::path& name, std::string_view start, Reader reader);

/// The first 4 KiB of a file; empty where it cannot be read.
std::string start_of_file(const std::filesystem::path& path);

/// "is a zip archive: unpack it" and the like for a file that should be a scan; empty where it is none of the list, or
/// cannot be read.
std::string foreign_file(const std::filesystem::path& path);

/// The same for a symbolic link to data that git-annex has not fetched; empty for other paths.
std::string foreign_link(const std::filesystem::path& path);

}  // namespace brainmt::io
