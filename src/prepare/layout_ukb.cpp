// UK Biobank: bulk field 20227 as zip archives or unpacked to one folder an eid and instance, and images warped to MNI
// beside it, or in one folder an eid as the published training data have them.
#include <algorithm>
#include <map>
#include <optional>

#include "base/error.hpp"
#include "io/zip_archive.hpp"
#include "prepare/folder.hpp"
#include "prepare/layouts.hpp"
#include "prepare/other_format.hpp"
#include "prepare/space.hpp"

namespace brainmt::prepare::layouts {
namespace {

constexpr std::string_view kBulk = "_20227_", kRawBulk = "_20225_", kRawImages = "raw images (field 20225)";

constexpr std::string_view kMotion = "/rfMRI.ica/mc/prefiltered_func_data_mcf_rel.rms";

// A folder or zip archive with a scan of one participant: in MNI space, in native space, or both.
struct Found {
  std::string run;     // <instance>_<array index>; empty for a folder of an eid
  std::string parent;  // below the input: the folder, or the archive
  bool is_archive = false, mni = false, native = false, motion = false;

  std::string fmri() const { return parent + "/fMRI"; }
  std::string mni_file() const { return fmri() + "/filtered_func_data_clean_MNI.nii.gz"; }
  std::string native_file() const { return fmri() + "/rfMRI.ica/filtered_func_data_clean.nii.gz"; }
  std::string motion_file() const { return fmri() + std::string(kMotion); }

  // `has`: does the input have this file?
  template <class Has>
  void look(Has&& has) {
    mni = has(mni_file());
    native = has(native_file());
    motion = (mni || native) && has(motion_file());
  }
  bool any() const { return mni || native; }
};

bool is_zip(std::string_view name) { return lower(name).ends_with(".zip"); }

std::string without_zip(const std::string& name) {
  return name.substr(0, name.size() - std::string_view(".zip").size());
}

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_visit(std::string_view text) {
  const std::size_t middle = text.find('_');
  return middle != text.npos && is_digits(text.substr(0, middle)) && is_digits(text.substr(middle + 1));
}

// `<eid><field><instance>_<array>` of a bulk field; the visit is empty where the name is no such thing.
struct BulkName {
  std::string eid, visit;
};
BulkName split_bulk(const std::string& stem, std::string_view field) {
  const std::size_t at = stem.find(field);
  const bool is_bulk = at != stem.npos && is_visit(std::string_view(stem).substr(at + field.size()));
  return is_bulk ? BulkName{stem.substr(0, at), stem.substr(at + field.size())} : BulkName{stem, ""};
}

// Folders and archives of the input with the folder before them: the research platform sorts a bulk field into
// folders of the first two digits.
std::vector<std::pair<std::string, std::string>> all_names(const std::filesystem::path& input) {
  std::vector<std::pair<std::string, std::string>> all;
  for (const std::string& name : names_in(input)) {
    all.emplace_back("", name);
    if (name.size() != 2 || !is_digits(name)) continue;
    for (const std::string& below : names_in(input / name))
      if (below.starts_with(name)) all.emplace_back(name + "/", below);
  }
  return all;
}

std::string unzip_command(const std::string& folder) {
  return fmt::format("unzip -q '{0}.zip' 'fMRI/*' -d '{0}'", folder);
}

ScanEntry scan_of(const std::string& eid, const Found& found, const std::string& file) {
  ScanEntry scan = scan_at(eid, found.run, file);
  scan.session = found.run.substr(0, found.run.find('_'));
  if (found.motion) scan.motion = found.motion_file();
  return scan;
}

ScanEntry native_scan(const std::string& eid, const Found& found, const ListSettings& settings) {
  ScanEntry scan = scan_of(eid, found, found.native_file());
  if (!settings.wants_mni()) return scan;
  const std::string folder = (settings.input / (found.is_archive ? without_zip(found.parent) : found.parent)).string();
  scan.reject(Dropped::kSpace,
              fmt::format("is in native space; take it to MNI: {}{}; or take all scans as they are: space=native",
                          found.is_archive ? unzip_command(folder) + " && " : "", applywarp_command(folder + "/fMRI")));
  return scan;
}

// An archive of field 20227 or of an eid, a folder without a scan.
void note_other(const std::string& folder, const std::string& name, const ListSettings& settings,
                std::vector<ScanEntry>& others) {
  const auto archive = other_format(name);
  const std::string stem = archive ? archive->stem : name;
  const BulkName raw = split_bulk(stem, kRawBulk), bulk = split_bulk(stem, kBulk);
  const std::string eid = raw.visit.empty() ? bulk.eid : raw.eid, file = folder + name;
  if (!may_be_participant(eid) || eid.find_first_not_of("0123456789") != eid.npos) return;
  std::error_code unknown;
  if (!raw.visit.empty()) {
    others.push_back(overlooked(eid, file, fmt::format("{}: download field 20227 of the same visit", kRawImages)));
  } else if (archive) {
    const std::string path = (settings.input / (folder + stem)).string();
    std::string reason = archive->reason;
    if (is_zip(name) && !has_stray_name(name)) {
      reason = !bulk.visit.empty() && settings.reads_archives
                   ? fmt::format("zip archive without a scan: layout={} finds none in it", settings.layout_name())
                   : "zip archive, not unpacked: " + unzip_command(path);
    }
    others.push_back(overlooked(eid, file, reason));
  } else if (std::filesystem::is_directory(settings.input / file, unknown)) {
    ScanEntry entry = overlooked_in(settings, eid, file + "/fMRI", "filtered_func_data_clean");
    if (entry.file == file + "/fMRI") {
      entry = overlooked_in(settings, eid, file + "/fMRI/rfMRI.ica", "filtered_func_data_clean");
      if (entry.file == file + "/fMRI/rfMRI.ica") entry.file = file;
    }
    others.push_back(entry);
  } else {
    return;
  }
  others.back().run = raw.visit.empty() ? bulk.visit : raw.visit;
}

// What an archive of field 20227 holds; one that cannot be read is a bad scan, in `others`.
void look_into_archive(const std::string& eid, Found& found, const ListSettings& settings,
                       std::vector<ScanEntry>& others) {
  const std::filesystem::path path = settings.input / found.parent;
  try {
    const io::ZipArchive archive(path);
    const auto inside = found.parent.size() + 1;
    found.look([&](const std::string& file) { return archive.has(file.substr(inside)); });
  } catch (const DataError& error) {
    others.push_back(scan_of(eid, found, found.parent));
    others.back().reject(Dropped::kArchive, archive_fault(path, error.what()));
  }
}

}  // namespace

std::vector<ScanEntry> find_ukb(const ListSettings& settings) {
  std::map<std::string, std::vector<Found>> participants;
  std::vector<ScanEntry> others;
  for (const auto& [folder, name] : all_names(settings.input)) {
    const bool archive = is_zip(name);
    const auto [eid, visit] = split_bulk(archive ? without_zip(name) : name, kBulk);
    const bool is_bulk = !visit.empty();
    Found found{.run = visit, .parent = folder + name, .is_archive = archive};
    std::vector<Found>& known = participants[eid];
    if (archive && is_bulk && std::ranges::count(known, found.run, &Found::run) > 0) {  // unpacked beside it
      others.push_back(scan_of(eid, found, found.parent));
      second_copy(others.back());
      continue;
    }
    if (!archive) {
      found.look([&](const std::string& file) { return stands_at(settings.input / file); });
    } else if (is_bulk && settings.reads_archives) {
      look_into_archive(eid, found, settings, others);
    }
    if (found.any()) {
      known.push_back(found);
    } else if (others.empty() || others.back().file != found.parent) {
      note_other(folder, name, settings, others);
    }
  }
  std::erase_if(participants, [](const auto& entry) { return entry.second.empty(); });
  std::vector<ScanEntry> scans;
  for (const auto& [eid, folders] : participants) {
    // An MNI image in the eid's folder belongs to the visit that it was made from.
    const bool has_own_mni = std::ranges::any_of(folders, [](const Found& f) { return f.mni && f.run.empty(); });
    const bool has_native = std::ranges::any_of(folders, &Found::native);
    for (const Found& found : folders) {
      const bool as_mni = settings.wants_mni() ? found.mni : found.mni && !has_native;
      if (as_mni) {
        scans.push_back(scan_of(eid, found, found.mni_file()));
      } else if (found.native && !(settings.wants_mni() && has_own_mni)) {
        scans.push_back(native_scan(eid, found, settings));
      }
    }
  }
  // What is there of a visit, or of an eid, that a scan was found of is not missing; an archive of it is a copy.
  const auto is_missing = [&](const ScanEntry& other) {
    const auto known = participants.find(other.participant_id);
    return known == participants.end() || std::ranges::none_of(known->second, [&](const Found& found) {
             return found.run.empty() || other.run.empty() || found.run == other.run;
           });
  };
  for (ScanEntry& other : others) {
    const auto archive = other_format(other.file);
    if (!is_missing(other)) {
      if (!archive || kind_of(other.reason) == kRawImages) continue;
      if (!archive->unfinished) second_copy(other);
    }
    scans.push_back(std::move(other));
  }
  return scans;
}

}  // namespace brainmt::prepare::layouts
