#pragma once
// Files that look like scans and are none that prepare reads: archives, other compressions, other formats.
#include <optional>
#include <string>
#include <string_view>

namespace brainmt::prepare {

struct OtherFormat {
  std::string stem;    // the name without its ending
  std::string reason;  // "compressed by bzip2: bunzip2 'sub-01.nii.bz2'": the kind, a colon, the remedy
};

/// Nothing for files of other purposes, and for .nii, .nii.gz and .img.
std::optional<OtherFormat> other_format(std::string_view file);

/// The kind of a reason: what stands before its colon.
std::string_view kind_of(std::string_view reason);

}  // namespace brainmt::prepare
