#pragma once
// Files that look like scans and are none that prepare reads, by their names: archives, other compressions and formats,
// halves of pairs, and what browsers, file managers and interrupted downloads make of a name.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace brainmt::prepare {

struct OtherFormat {
  std::string stem;         // the name without its ending, and without what was put into it
  std::string reason;       // "compressed by bzip2: bunzip2 'sub-01.nii.bz2'": the kind, a colon, the remedy
  std::string name;         // as the file would be called
  bool unfinished = false;  // a download that was interrupted
};

/// Kinds that are asked for elsewhere.
inline constexpr std::string_view kSecondCopy = "second copy of a scan that is read";
inline constexpr std::string_view kBadArchive = "not a readable zip archive";

/// Nothing for files of other purposes, and for .nii, .nii.gz and .img under names of their own.
std::optional<OtherFormat> other_format(std::string_view file);

/// The same where the names in its folder are known, sorted: also a .img without its .hdr, or a .hdr without its .img.
std::optional<OtherFormat> other_format(std::string_view file, const std::vector<std::string>& beside);

/// `sub-01 (1).nii.gz`, `Copy of sub-01.nii.gz`, `sub-01.nii.gz.part`: is there a mark of a copy or of an interrupted
/// download in this name?
bool has_stray_name(std::string_view file);

/// The kind of a reason: what stands before its colon.
std::string_view kind_of(std::string_view reason);

}  // namespace brainmt::prepare
