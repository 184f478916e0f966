// UK Biobank: bulk field 20227 unpacked to one folder an eid and instance, and images warped to MNI beside it, or in
// one folder an eid as the published training data have them.
#include <algorithm>
#include <map>
#include <optional>

#include "base/error.hpp"
#include "prepare/folder.hpp"
#include "prepare/layouts.hpp"
#include "prepare/other_format.hpp"
#include "prepare/space.hpp"

namespace brainmt::prepare::layouts {
namespace {

constexpr std::string_view kBulk = "_20227_";

// A folder with a scan of one participant: in MNI space, in native space, or both.
struct Found {
  std::string run;   // <instance>_<array index>; empty for a folder of an eid
  std::string fmri;  // below the input
  bool mni, native;

  std::string mni_file() const { return fmri + "/filtered_func_data_clean_MNI.nii.gz"; }
  std::string native_file() const { return fmri + "/rfMRI.ica/filtered_func_data_clean.nii.gz"; }
};

bool is_visit(std::string_view text) {
  const std::size_t middle = text.find('_');
  const auto digits = [](std::string_view part) {
    return !part.empty() && std::ranges::all_of(part, [](char c) { return c >= '0' && c <= '9'; });
  };
  return middle != text.npos && digits(text.substr(0, middle)) && digits(text.substr(middle + 1));
}

ScanEntry scan_of(const std::string& eid, const Found& found, const std::string& file, const ListSettings& settings) {
  ScanEntry scan = scan_at(eid, found.run, file);
  scan.session = found.run.substr(0, found.run.find('_'));
  const std::string motion = found.fmri + "/rfMRI.ica/mc/prefiltered_func_data_mcf_rel.rms";
  if (stands_at(settings.input / motion)) scan.motion = motion;
  return scan;
}

ScanEntry native_scan(const std::string& eid, const Found& found, const ListSettings& settings) {
  ScanEntry scan = scan_of(eid, found, found.native_file(), settings);
  if (settings.wants_mni()) {
    scan.reject(fmt::format("is in native space; take it to MNI: {}; or take all scans as they are: space=native",
                            applywarp_command((settings.input / found.fmri).string())));
  }
  return scan;
}

// An archive of field 20227 or of an eid, a folder without a scan.
void note_other(const std::string& name, const ListSettings& settings, std::vector<ScanEntry>& others) {
  const auto archive = other_format(name);
  const std::string stem = archive ? archive->stem : name;
  const std::size_t bulk = stem.find(kBulk);
  const bool is_bulk = bulk != stem.npos && is_visit(std::string_view(stem).substr(bulk + kBulk.size()));
  const std::string eid = is_bulk ? stem.substr(0, bulk) : stem;
  if (!may_be_participant(eid) || eid.find_first_not_of("0123456789") != eid.npos) return;
  std::error_code unknown;
  if (archive) {
    const std::string path = (settings.input / stem).string();
    const bool is_zip = lower(name).ends_with(".zip");
    others.push_back(
        overlooked(eid, name,
                   is_zip ? fmt::format("zip archive, not unpacked: unzip -q '{0}.zip' 'fMRI/*' -d '{0}'", path)
                          : archive->reason));
  } else if (std::filesystem::is_directory(settings.input / name, unknown)) {
    ScanEntry entry = overlooked_in(settings, eid, name + "/fMRI", "filtered_func_data_clean");
    if (entry.file == name + "/fMRI") {
      entry = overlooked_in(settings, eid, name + "/fMRI/rfMRI.ica", "filtered_func_data_clean");
      if (entry.file == name + "/fMRI/rfMRI.ica") entry.file = name;
    }
    others.push_back(entry);
  } else {
    return;
  }
  others.back().run = is_bulk ? stem.substr(bulk + kBulk.size()) : "";
}

}  // namespace

std::vector<ScanEntry> find_ukb(const ListSettings& settings) {
  std::map<std::string, std::vector<Found>> participants;
  std::vector<ScanEntry> others;
  for (const std::string& name : names_in(settings.input)) {
    const std::size_t bulk = name.find(kBulk);
    const bool is_bulk = bulk != name.npos && is_visit(std::string_view(name).substr(bulk + kBulk.size()));
    Found found{is_bulk ? name.substr(bulk + kBulk.size()) : "", name + "/fMRI", false, false};
    found.mni = stands_at(settings.input / found.mni_file());
    found.native = stands_at(settings.input / found.native_file());
    const std::string eid = is_bulk ? name.substr(0, bulk) : name;
    if (found.mni || found.native) {
      participants[eid].push_back(found);
    } else {
      note_other(name, settings, others);
    }
  }
  std::vector<ScanEntry> scans;
  for (const auto& [eid, folders] : participants) {
    // An MNI image in the folder of the eid stands for whichever visit it was made from.
    const bool has_own_mni = std::ranges::any_of(folders, [](const Found& f) { return f.mni && f.run.empty(); });
    const bool has_native = std::ranges::any_of(folders, &Found::native);
    for (const Found& found : folders) {
      const bool as_mni = settings.wants_mni() ? found.mni : found.mni && !has_native;
      if (as_mni) {
        scans.push_back(scan_of(eid, found, found.mni_file(), settings));
      } else if (found.native && !(settings.wants_mni() && has_own_mni)) {
        scans.push_back(native_scan(eid, found, settings));
      }
    }
  }
  // What is there of a visit, or of an eid, that a scan was found of is not missing.
  const auto is_missing = [&](const ScanEntry& other) {
    const auto known = participants.find(other.participant_id);
    return known == participants.end() || std::ranges::none_of(known->second, [&](const Found& found) {
             return found.run.empty() || other.run.empty() || found.run == other.run;
           });
  };
  std::ranges::copy_if(others, std::back_inserter(scans), is_missing);
  return scans;
}

}  // namespace brainmt::prepare::layouts
