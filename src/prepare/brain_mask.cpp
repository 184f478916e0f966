#include "prepare/brain_mask.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "io/nifti.hpp"
#include "prepare/folder.hpp"

namespace brainmt::prepare {
namespace {

// Where HCP and UK Biobank leave the mask of a scan: in its folder. The mask of fMRIPrep is found with the scan.
std::string mask_beside(const ScanEntry& scan, const ListSettings& settings) {
  if (!settings.pattern.empty()) return {};
  const std::string folder = scan.file.substr(0, scan.file.rfind('/') + 1);
  const auto first_of = [&](std::initializer_list<const char*> names) {
    for (const char* name : names)
      if (stands_at(settings.input / (folder + name))) return folder + name;
    return std::string();
  };
  if (settings.layout == Layout::kUkb && folder.ends_with("rfMRI.ica/")) return first_of({"mask.nii.gz"});
  if (settings.layout != Layout::kHcp) return {};
  // Some folders of 7T hold images of both sizes.
  const bool is_fine = scan.file.find("_1.6") != std::string::npos;
  return is_fine ? first_of({"brainmask_fs.1.60.nii.gz", "brainmask_fs.1.6.nii.gz"})
                 : first_of({"brainmask_fs.2.nii.gz", "brainmask_fs.1.60.nii.gz", "brainmask_fs.1.6.nii.gz"});
}

std::string filled_in(const std::string& pattern, const ScanEntry& scan) {
  std::string path;
  for (std::size_t at = 0; at < pattern.size();) {
    const std::size_t open = pattern.find('{', at), close = pattern.find('}', open);
    path += pattern.substr(at, open - at);
    if (open == std::string::npos) break;
    const std::string word = close == std::string::npos ? pattern.substr(open) : pattern.substr(open, close + 1 - open);
    if (word != "{subject}" && word != "{run}") {
      throw UsageError(
          fmt::format("mask is '{}', expected auto, nonzero or a path with {{subject}} and {{run}} in it", pattern));
    }
    path += word == "{subject}" ? scan.participant_id : scan.run;
    at = close + 1;
  }
  return path;
}

}  // namespace

void choose_mask(ScanEntry& scan, const std::string& choice, const ListSettings& settings) {
  if (choice == "nonzero") {
    scan.mask.clear();
  } else if (choice != "auto") {
    scan.mask = filled_in(choice, scan);
  } else if (scan.mask.empty()) {
    scan.mask = mask_beside(scan, settings);
  }
}

std::vector<std::uint8_t> read_mask(const std::filesystem::path& path, const HeaderRow& scan) {
  io::NiftiReader reader(path);
  const HeaderRow row = HeaderRow::of(reader.header());
  const auto refuse = [&](const std::string& why) {
    throw DataError(fmt::format("its mask '{}' {}; give another with mask=, or mask=nonzero", path.string(), why));
  };
  const auto text = [](const io::CohortGrid& grid) { return fmt::format("{}x{}x{}", grid.x, grid.y, grid.z); };
  if (row.grid() != scan.grid())
    refuse(fmt::format("has a grid of {}, the scan has {}", text(row.grid()), text(scan.grid())));
  if (row.frames() != 1) refuse(fmt::format("has {} frames, expected one", row.frames()));
  const bool oriented = row.orientation_known() && scan.orientation_known();
  if (oriented && !row.same_space(scan)) refuse("has another affine than the scan");
  std::vector<float> values(reader.header().frame_voxels());
  reader.next_frame(values);
  std::vector<std::uint8_t> mask(values.size());
  std::ranges::transform(values, mask.begin(), [](float x) { return x > 0 ? 1 : 0; });  // NaN is outside
  if (std::ranges::count(mask, 1) == 0) refuse("has no voxel above zero");
  return mask;
}

}  // namespace brainmt::prepare
