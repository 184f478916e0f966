#include "prepare/other_format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "prepare/folder.hpp"
#include "prepare/layouts.hpp"

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
    Kind{".dtseries.nii", "CIFTI, values on surfaces",
         "give the volumes (.nii.gz) of the same pipeline, or parcels of it (wb_command -cifti-parcellate)"},
    Kind{".ptseries.nii", "CIFTI, values of parcels", "layout=tables reads it"},
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

constexpr std::array<std::string_view, 7> kUnfinished{".part",     ".partial",    ".crdownload", ".download",
                                                      ".filepart", ".opdownload", ".aria2"};
constexpr std::array<std::string_view, 5> kBackups{".bak", ".old", ".orig", ".backup", "~"};
constexpr std::array<std::string_view, 4> kCopyBefore{"copy of ", "kopie von ", "copie de ", "copia de "};
constexpr std::array<std::string_view, 4> kCopyBehind{"copy", "kopie", "copie", "copia"};

// A file of two that make one scan, and what the other one may end with.
struct Half {
  std::string_view ending, missing;
  std::array<std::string_view, 2> partners;
};
constexpr std::array kHalves{
    Half{".img", ".hdr", {".hdr", ".hdr.gz"}},       Half{".hdr", ".img", {".img", ".img.gz"}},
    Half{".img.gz", ".hdr.gz", {".hdr", ".hdr.gz"}}, Half{".hdr.gz", ".img.gz", {".img", ".img.gz"}},
    Half{".brik", ".HEAD", {".head", ".head"}},      Half{".brik.gz", ".HEAD", {".head", ".head"}},
};

std::size_t digits_at(std::string_view text, std::size_t at) {
  const std::size_t end = text.find_first_not_of("0123456789", at);
  return (end == text.npos ? text.size() : end) - std::min(at, text.size());
}

// Length of " (1)", " 2" at `at`; 0: neither.
std::size_t number_at(std::string_view text, std::size_t at) {
  if (!text.substr(std::min(at, text.size())).starts_with(' ')) return 0;
  const std::size_t open = at + 1 < text.size() && text[at + 1] == '(' ? 1 : 0, digits = digits_at(text, at + 1 + open);
  const std::size_t end = at + 1 + open + digits;
  if (digits == 0 || (open > 0 && (end >= text.size() || text[end] != ')'))) return 0;
  return end + open - at;
}

// Length of " (1)", " copy", " copy 2", " - Copy (3)" at `at`, where the name or its stem ends behind it; 0: none.
std::size_t copy_mark_at(std::string_view name, std::size_t at) {
  std::size_t end = at;
  const std::string_view behind = name.substr(at);
  const std::size_t dash = behind.starts_with(" - ") ? 3 : 1;
  const auto word = std::ranges::find_if(
      kCopyBehind, [&](std::string_view w) { return behind.size() >= dash && behind.substr(dash).starts_with(w); });
  if (word != kCopyBehind.end())
    end = at + dash + word->size() + number_at(name, at + dash + word->size());
  else if (behind.starts_with(" ("))
    end = at + number_at(name, at);
  return end < name.size() && name[end] != '.' ? 0 : end - at;
}

struct Stray {
  std::string name;  // without one mark
  bool unfinished = false;
};

std::optional<Stray> stray(std::string_view file) {
  const std::string name = lower(file);
  const auto without_end = [&](std::size_t bytes) { return std::string(file.substr(0, file.size() - bytes)); };
  for (const std::string_view ending : kUnfinished)
    if (name.ends_with(ending)) return Stray{without_end(ending.size()), true};
  for (const std::string_view ending : kBackups)
    if (name.ends_with(ending)) return Stray{without_end(ending.size())};
  if (const std::size_t dot = name.rfind('.'); dot != name.npos && digits_at(name, dot + 1) + dot + 1 == name.size() &&
                                               name.size() - dot == 2)  // wget's second download, .1 to .9
    return Stray{without_end(2)};
  for (const std::string_view before : kCopyBefore)
    if (name.starts_with(before)) return Stray{std::string(file.substr(before.size()))};
  for (std::size_t at = name.find(' '); at != name.npos; at = name.find(' ', at + 1)) {
    if (const std::size_t bytes = at > 0 ? copy_mark_at(name, at) : 0; bytes > 0)
      return Stray{std::string(file.substr(0, at)).append(file.substr(at + bytes))};
  }
  return std::nullopt;
}

std::optional<OtherFormat> by_ending(std::string_view file) {
  const std::string name = lower(file);
  for (const Kind& kind : kKinds) {
    if (!name.ends_with(kind.ending) || name.size() == kind.ending.size()) continue;
    const std::string stem(file.substr(0, file.size() - kind.ending.size()));
    return OtherFormat{stem, fmt::format("{}: {}", kind.kind, fmt::format(fmt::runtime(kind.remedy), file, stem)),
                       std::string(file)};
  }
  return std::nullopt;
}

const Half* half_named(std::string_view file) {
  const std::string name = lower(file);
  const auto found = std::ranges::find_if(
      kHalves, [&](const Half& half) { return name.ends_with(half.ending) && name.size() > half.ending.size(); });
  return found == kHalves.end() ? nullptr : &*found;
}

}  // namespace

bool has_stray_name(std::string_view file) { return stray(file).has_value(); }

std::optional<OtherFormat> other_format(std::string_view file) {
  auto mark = stray(file);
  if (!mark) return by_ending(file);
  const bool unfinished = mark->unfinished;
  std::string name = mark->name;
  while ((mark = stray(name))) name = mark->name;
  OtherFormat result{.stem = {}, .reason = {}, .name = name, .unfinished = unfinished};
  if (const auto known = by_ending(name))
    result.stem = known->stem;
  else if (layouts::is_nifti(name))
    result.stem = layouts::without_nifti(name);
  else if (const Half* half = half_named(name))
    result.stem = name.substr(0, name.size() - half->ending.size());
  else
    return std::nullopt;
  result.reason = unfinished ? fmt::format("unfinished download: download '{}' again", name)
                             : fmt::format("copy under another name: rename it '{}' if that one is missing", name);
  return result;
}

std::optional<OtherFormat> other_format(std::string_view file, const std::vector<std::string>& beside) {
  if (auto other = other_format(file)) return other;
  const Half* half = half_named(file);
  if (half == nullptr) return std::nullopt;
  const std::string stem(file.substr(0, file.size() - half->ending.size()));
  for (auto name = std::ranges::lower_bound(beside, stem); name != beside.end() && name->starts_with(stem); ++name)
    if (std::ranges::count(half->partners, lower(std::string_view(*name).substr(stem.size()))) > 0) return std::nullopt;
  const std::string reason =
      fmt::format("half of a pair, without its {0}: put '{1}{0}' beside it", half->missing, stem);
  return OtherFormat{stem, reason, std::string(file)};
}

std::string_view kind_of(std::string_view reason) { return reason.substr(0, reason.find(':')); }

}  // namespace brainmt::prepare
