#pragma once
// Files that stand where data is expected and hold something else: other formats, archives, a pointer to data that was
// not fetched, a web page that was saved under the data's name. One list for all readers.
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

/// Whose point of view: a table may be UTF-16, a scan may be gzip, and the way to a table as text is another one.
enum class Reader { kAny, kTable, kScan };

/// What a file of this name is that begins with `start`, its first 4 KiB or all of it; nothing: none of the list.
std::optional<ForeignKind> foreign_kind(const std::filesystem::path& name, std::string_view start, Reader reader);

/// The first 4 KiB of a file; empty where it cannot be read.
std::string start_of_file(const std::filesystem::path& path);

/// "is a zip archive: unpack it" and the like for a file that should be a scan; empty where it is none of the list, or
/// cannot be read.
std::string foreign_file(const std::filesystem::path& path);

/// The same for a symbolic link to data that git-annex has not fetched; empty for other paths.
std::string foreign_link(const std::filesystem::path& path);

}  // namespace brainmt::io
