// Layouts without rules of their own: flat folders, and paths that the user describes.
#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "io/cohort_layout.hpp"
#include "io/foreign_file.hpp"
#include "io/printable.hpp"
#include "prepare/folder.hpp"
#include "prepare/layouts.hpp"
#include "prepare/other_format.hpp"
#include "prepare/path_pattern.hpp"

namespace brainmt::prepare::layouts {
namespace {

bool is_pair(std::string_view file) {
  const std::string name = lower(file);
  return name.ends_with(".img") || name.ends_with(".img.gz");
}

// An image beside the scans that says where their parcels are.
bool is_atlas(std::string_view file) {
  const std::string name = lower(file);
  return name.starts_with("atlas.") || name.starts_with("atlas-") || name.starts_with("tpl-");
}

// Length of the ending .nii.gz, .nii, .img.gz or .img in any case; 0: another.
std::size_t nifti_ending(std::string_view file) {
  const std::string name = lower(file);
  for (const std::string_view ending : {".nii.gz", ".nii", ".img.gz", ".img"}) {
    if (!name.ends_with(ending)) continue;
    const std::string_view stem = std::string_view(name).substr(0, name.size() - ending.size());
    constexpr std::string_view kCifti[] = {".dtseries", ".ptseries", ".dscalar", ".pscalar", ".dlabel", ".dconn"};
    const bool cifti = std::ranges::any_of(kCifti, [&](std::string_view kind) { return stem.ends_with(kind); });
    return cifti ? 0 : ending.size();
  }
  return 0;
}

// Is there a NIfTI file in the first levels of a folder? A folder that cannot be read (lost+found) counts as none.
bool has_nifti(const std::filesystem::path& folder, int levels) {
  std::error_code unreadable;
  if (std::filesystem::directory_iterator(folder, unreadable); unreadable) return false;
  const std::vector<std::string> names = names_in(folder);
  if (std::ranges::any_of(names, is_nifti)) return true;
  return levels > 1 &&
         std::ranges::any_of(names, [&](const std::string& name) { return has_nifti(folder / name, levels - 1); });
}

class PatternWalk {
 public:
  explicit PatternWalk(const ListSettings& settings) : input_(settings.input), pattern_(settings.pattern) {
    if (const std::size_t bytes = nifti_ending(settings.pattern)) {
      ending_ = settings.pattern.substr(settings.pattern.size() - bytes);
    }
    takes_strays_ = other_format(settings.pattern).has_value();
  }

  std::vector<ScanEntry> run() {
    enter(0, "");
    return std::move(scans_);
  }

 private:
  // `folder`: path below the input, empty or ending in a slash.
  void enter(std::size_t level, const std::string& folder) {
    if (!pattern_.is_open(level)) return visit(level, folder + pattern_.text(level));
    const std::vector<std::string> names = names_in(input_ / folder);
    const bool is_last = level + 1 == pattern_.levels();
    for (const std::string& name : names) {
      const bool is_other = is_last && !takes_strays_ && other_format(name, names);
      if (pattern_.may_be(level, name) && !is_other) {
        visit(level, folder + name);
      } else if (is_last) {
        note_other(folder, name, names);
      }
    }
  }

  // A file that would be a scan if it ended as the pattern does.
  void note_other(const std::string& folder, const std::string& name, const std::vector<std::string>& beside) {
    const auto other = other_format(name, beside);
    if (!other && !is_nifti(name)) return;
    const std::string stem = folder + (other ? other->stem : without_nifti(name));
    const auto readings = pattern_.readings(stem + ending_);
    if (readings.empty()) return;
    const std::string& id = readings.front().subject;
    const std::string reason =
        is_pair(name) == is_pair(ending_)
            ? fmt::format("another ending than the pattern's {}: rename it", ending_)
            : fmt::format("another ending than the pattern's {}: fslchfiletype converts between them", ending_);
    scans_.push_back(overlooked(id, folder + name, other ? other->reason : reason));
    if ((!other || !other->unfinished) && stands_at(input_ / (stem + ending_))) second_copy(scans_.back());
  }

  void visit(std::size_t level, const std::string& path) {
    if (level + 1 < pattern_.levels()) return enter(level + 1, path + "/");
    if (pattern_.is_open(level) && is_atlas(path.substr(path.rfind('/') + 1))) return;
    if (stands_at(input_ / path)) return add(path);
    if (pattern_.is_open(level)) return;
    const std::string folder = path.substr(0, path.rfind('/') + 1);
    const std::vector<std::string> names = names_in(input_ / folder);
    for (const std::string& name : names) note_other(folder, name, names);
  }

  // Readings that are no ids do not count where there is one that is.
  void add(const std::string& path) {
    const auto readings = pattern_.readings(path);
    if (readings.empty()) return;
    std::vector<PathPattern::Reading> good;
    for (const auto& reading : readings) {
      if (io::is_participant_id(reading.subject) && (reading.run.empty() || io::is_participant_id(reading.run)))
        good.push_back(reading);
    }
    const auto& chosen = good.empty() ? readings.front() : good.front();
    ScanEntry& scan = scans_.emplace_back(scan_at(chosen.subject, chosen.run, path));
    if (good.size() > 1) {
      scan.reject(Dropped::kName,
                  fmt::format("can be read in {} ways, as participant '{}' with run '{}' or '{}' with '{}'; give the "
                              "pattern a text that separates them",
                              good.size(), good[0].subject, good[0].run, good[1].subject, good[1].run));
    } else if (good.empty() && io::is_participant_id(chosen.subject)) {
      scan.reject(Dropped::kName, fmt::format("{} is not the name of a run (1 to 64 letters, digits, '_' or '-')",
                                              io::printable(chosen.run)));
    }
  }

  const std::filesystem::path& input_;
  PathPattern pattern_;
  std::string ending_;         // .nii.gz or .nii
  bool takes_strays_ = false;  // the pattern's name is such a one itself
  std::vector<ScanEntry> scans_;
};

}  // namespace

ScanEntry scan_at(std::string participant_id, std::string run, std::string file) {
  ScanEntry scan;
  scan.participant_id = std::move(participant_id);
  scan.run = std::move(run);
  scan.file = std::move(file);
  return scan;
}

ScanEntry overlooked(std::string participant_id, std::string file, std::string reason) {
  ScanEntry entry = scan_at(std::move(participant_id), "", std::move(file));
  entry.status = ScanEntry::Status::kOverlooked;
  entry.reason = std::move(reason);
  return entry;
}

void second_copy(ScanEntry& entry) {
  entry.status = ScanEntry::Status::kOverlooked;
  entry.reason = fmt::format("{}: nothing to do", kSecondCopy);
}

std::string archive_fault(const std::filesystem::path& path, std::string error) {
  std::string foreign = io::foreign_link(path);
  if (foreign.empty()) foreign = io::foreign_file(path);
  if (!foreign.empty() && foreign.find("zip archive") == foreign.npos) return foreign;
  const std::string prefix = fmt::format("'{}': ", path.string());
  if (error.starts_with(prefix)) error.erase(0, prefix.size());
  return error;
}

ScanEntry overlooked_in(const ListSettings& settings, std::string participant_id, const std::string& folder,
                        std::string_view stem) {
  const std::vector<std::string> names = names_in(settings.input / folder);
  for (const std::string& name : names) {
    const auto other = other_format(name, names);
    if (other && other->stem.starts_with(stem)) return overlooked(participant_id, folder + "/" + name, other->reason);
  }
  return overlooked(std::move(participant_id), folder,
                    fmt::format("folder without a scan: layout={} finds none in it", settings.layout_name()));
}

bool may_be_participant(std::string_view folder) {
  std::size_t digits = 0;
  for (const char c : folder) {
    digits = c >= '0' && c <= '9' ? digits + 1 : 0;
    if (digits == 4) return true;
  }
  return false;
}

bool is_nifti(std::string_view file) { return nifti_ending(file) > 0 && !has_stray_name(file); }

bool is_scan(std::string_view file, const std::vector<std::string>& beside) {
  return is_nifti(file) && !other_format(file, beside);
}

std::string without_nifti(std::string_view file) {
  return std::string(file.substr(0, file.size() - nifti_ending(file)));
}

std::vector<ScanEntry> find_flat(const ListSettings& settings) {
  std::vector<ScanEntry> scans;
  std::set<std::string> ids;
  const std::vector<std::string> names = names_in(settings.input);
  for (const bool pairs : {false, true}) {  // a pair counts where there is no single file
    for (const std::string& name : names) {
      if (is_pair(name) != pairs || !is_scan(name, names) || is_atlas(name) || !stands_at(settings.input / name))
        continue;
      scans.push_back(scan_at(without_nifti(name), "", name));
      if (pairs && ids.contains(without_nifti(name))) second_copy(scans.back());
      if (!pairs) ids.insert(scans.back().participant_id);
    }
  }
  for (const ScanEntry& scan : scans) ids.insert(scan.participant_id);
  for (const std::string& name : names) {
    const auto other = other_format(name, names);
    if (other) {
      scans.push_back(overlooked(other->stem, name, other->reason));
      if (!other->unfinished && ids.contains(other->stem)) second_copy(scans.back());
    } else if (!is_nifti(name) && has_nifti(settings.input / name, 2)) {
      scans.push_back(overlooked(name, name, "subfolder with scans: layout= or pattern='{subject}/...' reads them"));
    }
  }
  return scans;
}

std::vector<ScanEntry> find_by_pattern(const ListSettings& settings) { return PatternWalk(settings).run(); }

}  // namespace brainmt::prepare::layouts
