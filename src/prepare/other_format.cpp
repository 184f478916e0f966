#include "prepare/other_format.hpp"

#include <fmt/format.h>

#include <array>

#include "prepare/folder.hpp"

namespace brainmt::prepare {
namespace {

struct Kind {
  std::string_view ending, kind, remedy;  // in the remedy {0} is the file, {1} its stem
};

// Longer endings first.
constexpr std::array kKinds{
    Kind{".nii.bz2", "compressed by bzip2", "bunzip2 '{0}'"},
    Kind{".nii.xz", "compressed by xz", "unxz '{0}'"},
    Kind{".nii.zst", "compressed by zstd", "zstd -d '{0}'"},
    Kind{".nii.lz4", "compressed by lz4", "lz4 -d '{0}'"},
    Kind{".nii.z", "compressed by compress", "gunzip '{0}'"},
    Kind{".nii.zip", "compressed by zip", "unzip '{0}'"},
    Kind{".dtseries.nii", "CIFTI, values on surfaces", "give the volumes (.nii.gz) of the same pipeline"},
    Kind{".ptseries.nii", "CIFTI, values of parcels", "give the volumes (.nii.gz) of the same pipeline"},
    Kind{".gii", "GIFTI, values on a surface", "give the volumes (.nii.gz) of the same pipeline"},
    Kind{".gii.gz", "GIFTI, values on a surface", "give the volumes (.nii.gz) of the same pipeline"},
    Kind{".mgz", "FreeSurfer's format", "mri_convert '{0}' '{1}.nii.gz'"},
    Kind{".mgh", "FreeSurfer's format", "mri_convert '{0}' '{1}.nii.gz'"},
    Kind{".head", "AFNI's format", "3dAFNItoNIFTI -prefix '{1}.nii.gz' '{0}'"},
    Kind{".mnc", "MINC", "mnc2nii '{0}' '{1}.nii'"},
    Kind{".zip", "zip archive, not unpacked", "unzip -q '{0}' -d '{1}'"},
    Kind{".tar", "tar archive, not unpacked", "tar xf '{0}'"},
    Kind{".tar.gz", "tar archive, not unpacked", "tar xf '{0}'"},
    Kind{".tgz", "tar archive, not unpacked", "tar xf '{0}'"},
};

}  // namespace

std::optional<OtherFormat> other_format(std::string_view file) {
  const std::string name = lower(file);
  for (const Kind& kind : kKinds) {
    if (!name.ends_with(kind.ending) || name.size() == kind.ending.size()) continue;
    const std::string stem(file.substr(0, file.size() - kind.ending.size()));
    return OtherFormat{stem, fmt::format("{}: {}", kind.kind, fmt::format(fmt::runtime(kind.remedy), file, stem))};
  }
  return std::nullopt;
}

std::string_view kind_of(std::string_view reason) { return reason.substr(0, reason.find(':')); }

}  // namespace brainmt::prepare
