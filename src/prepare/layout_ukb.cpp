// UK Biobank: bulk field 20227 unpacked to one folder an eid and instance, and images warped to MNI beside it, or in
// one folder an eid as the published training data have them.
#include <algorithm>
#include <map>
#include <optional>

#include "base/error.hpp"
#include "prepare/folder.hpp"
#include "prepare/layouts.hpp"
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

}  // namespace

std::vector<ScanEntry> find_ukb(const ListSettings& settings) {
  std::map<std::string, std::vector<Found>> participants;
  for (const std::string& name : names_in(settings.input)) {
    const std::size_t bulk = name.find(kBulk);
    const bool is_bulk = bulk != name.npos && is_visit(std::string_view(name).substr(bulk + kBulk.size()));
    Found found{is_bulk ? name.substr(bulk + kBulk.size()) : "", name + "/fMRI", false, false};
    found.mni = stands_at(settings.input / found.mni_file());
    found.native = stands_at(settings.input / found.native_file());
    if (found.mni || found.native) participants[is_bulk ? name.substr(0, bulk) : name].push_back(found);
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
  return scans;
}

}  // namespace brainmt::prepare::layouts
