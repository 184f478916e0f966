// Layouts without rules of their own: flat folders, and paths that the user describes.
#include <algorithm>

#include "base/error.hpp"
#include "io/cohort_layout.hpp"
#include "io/printable.hpp"
#include "prepare/folder.hpp"
#include "prepare/layouts.hpp"
#include "prepare/path_pattern.hpp"

namespace brainmt::prepare::layouts {
namespace {

// Length of the ending .nii.gz or .nii in any case; 0: another.
std::size_t nifti_ending(std::string_view file) {
  const std::string name = lower(file);
  for (const std::string_view ending : {".nii.gz", ".nii"}) {
    if (!name.ends_with(ending)) continue;
    const std::string_view stem = std::string_view(name).substr(0, name.size() - ending.size());
    constexpr std::string_view kCifti[] = {".dtseries", ".ptseries", ".dscalar", ".pscalar", ".dlabel", ".dconn"};
    const bool cifti = std::ranges::any_of(kCifti, [&](std::string_view kind) { return stem.ends_with(kind); });
    return cifti ? 0 : ending.size();
  }
  return 0;
}

class PatternWalk {
 public:
  explicit PatternWalk(const ListSettings& settings) : input_(settings.input), pattern_(settings.pattern) {}

  std::vector<ScanEntry> run() {
    enter(0, "");
    return std::move(scans_);
  }

 private:
  // `folder`: path below the input, empty or ending in a slash.
  void enter(std::size_t level, const std::string& folder) {
    if (!pattern_.is_open(level)) return visit(level, folder + pattern_.text(level));
    for (const std::string& name : names_in(input_ / folder)) {
      if (pattern_.may_be(level, name)) visit(level, folder + name);
    }
  }

  void visit(std::size_t level, const std::string& path) {
    if (level + 1 < pattern_.levels()) return enter(level + 1, path + "/");
    if (stands_at(input_ / path)) add(path);
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
      scan.reject(
          fmt::format("can be read in {} ways, as participant '{}' with run '{}' or '{}' with '{}'; give the "
                      "pattern a text that separates them",
                      good.size(), good[0].subject, good[0].run, good[1].subject, good[1].run));
    } else if (good.empty() && io::is_participant_id(chosen.subject)) {
      scan.reject(
          fmt::format("{} is not the name of a run (1 to 64 letters, digits, '_' or '-')", io::printable(chosen.run)));
    }
  }

  const std::filesystem::path& input_;
  PathPattern pattern_;
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

bool is_nifti(std::string_view file) { return nifti_ending(file) > 0; }

std::string without_nifti(std::string_view file) {
  return std::string(file.substr(0, file.size() - nifti_ending(file)));
}

std::vector<ScanEntry> find_flat(const ListSettings& settings) {
  std::vector<ScanEntry> scans;
  for (const std::string& name : names_in(settings.input)) {
    if (!is_nifti(name) || !stands_at(settings.input / name)) continue;
    scans.push_back(scan_at(without_nifti(name), "", name));
  }
  return scans;
}

std::vector<ScanEntry> find_by_pattern(const ListSettings& settings) { return PatternWalk(settings).run(); }

}  // namespace brainmt::prepare::layouts
