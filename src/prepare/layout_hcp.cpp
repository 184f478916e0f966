// The Human Connectome Project's young adults: four resting-state runs of 3 T, already in MNI space. Other scans of the
// same folders (7 T, tasks, versions that were not cleaned) are not looked for.
#include <array>

#include "base/error.hpp"
#include "prepare/folder.hpp"
#include "prepare/layouts.hpp"

namespace brainmt::prepare::layouts {

std::vector<ScanEntry> find_hcp(const ListSettings& settings) {
  constexpr std::array kRuns{"REST1_LR", "REST1_RL", "REST2_LR", "REST2_RL"};
  constexpr std::array kMotion{"Movement_RelativeRMS.txt", "Movement_RelativeRMS_mean.txt"};  // the better one first
  std::vector<ScanEntry> scans;
  for (const std::string& id : names_in(settings.input)) {
    for (const char* run : kRuns) {
      const std::string folder = fmt::format("{}/MNINonLinear/Results/rfMRI_{}/", id, run);
      const std::string file = fmt::format("{}rfMRI_{}_hp2000_clean.nii.gz", folder, run);
      if (!stands_at(settings.input / file)) continue;
      ScanEntry& scan = scans.emplace_back(scan_at(id, run, file));
      for (const char* name : kMotion) {
        if (scan.motion.empty() && stands_at(settings.input / folder / name)) scan.motion = folder + name;
      }
    }
  }
  return scans;
}

}  // namespace brainmt::prepare::layouts
