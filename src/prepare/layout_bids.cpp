// BIDS derivatives, as fMRIPrep writes them: one image a run and output space. All scans of a cohort must be in one
// space, so one is chosen for all.
#include <algorithm>
#include <map>
#include <optional>

#include "base/error.hpp"
#include "base/log.hpp"
#include "prepare/bids_name.hpp"
#include "prepare/folder.hpp"
#include "prepare/layouts.hpp"

namespace brainmt::prepare::layouts {
namespace {

constexpr std::string_view kPreferred = "space-MNI152NLin6Asym_res-2";  // the grid of the published model

// `space-T1w`, `space-MNI152NLin6Asym_res-2`, or empty: what distinguishes the images of one run.
std::string space_of(const BidsName& name) {
  std::string text;
  for (const std::string_view key : {"space", "res"}) {
    const std::string_view value = name.value(key);
    if (value.empty()) continue;
    text.append(text.empty() ? "" : "_").append(key).append("-");
    text.append(key == "res" ? value.substr(std::min(value.find_first_not_of('0'), value.size() - 1)) : value);
  }
  return text;
}

struct Run {
  std::string participant, session, name, motion;
  struct Image {
    std::string file, mask, sidecar;
  };
  std::map<std::string, Image> images;  // by space
  std::string wrong;                    // why the first file cannot be right
};

class Derivatives {
 public:
  explicit Derivatives(const ListSettings& settings) : settings_(settings) {
    for (const std::string& subject : names_in(settings.input)) {
      if (!subject.starts_with("sub-")) continue;
      add_folder(subject, "", subject + "/func/");
      for (const std::string& session : names_in(settings.input / subject)) {
        if (session.starts_with("ses-")) add_folder(subject, session, fmt::format("{}/{}/func/", subject, session));
      }
    }
  }

  std::vector<ScanEntry> scans() const {
    const std::string space = chosen_space();
    std::vector<ScanEntry> scans;
    for (const auto& [key, run] : runs_) {
      const auto found = run.images.find(space);
      const bool there = found != run.images.end();
      const Run::Image& image = there ? found->second : run.images.begin()->second;
      ScanEntry& scan = scans.emplace_back(scan_at(run.participant, run.name, image.file));
      scan.session = run.session;
      scan.motion = run.motion;
      scan.mask = image.mask;
      scan.sidecar = image.sidecar;
      if (!run.wrong.empty()) {
        scan.reject(run.wrong);
      } else if (!there) {
        scan.reject(fmt::format("the run has no image with {}, which most scans have", described(space)));
      }
    }
    return scans;
  }

 private:
  void add_folder(const std::string& subject, const std::string& session, const std::string& folder) {
    const std::vector<std::string> files = names_in(settings_.input / folder);
    for (const std::string& file : files) {
      const auto name = parse_bids_name(file);
      if (!name || !is_wanted(*name)) continue;
      const std::string path = folder + file;
      if (!stands_at(settings_.input / path)) continue;
      const std::vector<std::string_view> image_only{"space", "res", "desc"};
      Run& run = runs_[folder + name->without(image_only)];
      run.participant = subject;
      run.session = name->value("ses");
      run.name = run_of(*name);
      run.motion = motion_of(*name, folder, files);
      const auto beside = [&](const std::string& other) {
        return std::ranges::binary_search(files, other) ? folder + other : std::string();
      };
      const std::string sidecar = file.substr(0, file.find('.')) + ".json";
      if (!run.images.emplace(space_of(*name), Run::Image{path, mask_of(*name, folder, files), beside(sidecar)}).second)
        run.wrong = "a second image of the same run and space";
      if ("sub-" + std::string(name->value("sub")) != subject ||
          (session.empty() ? "" : session.substr(4)) != name->value("ses")) {
        run.wrong = "its name says another participant or session than its folder";
      }
    }
  }

  // Single echoes and phase images are no preprocessed scans.
  bool is_wanted(const BidsName& name) const {
    return name.suffix == "bold" && is_nifti(name.extension) && name.value("desc") == "preproc" &&
           (settings_.bids_task.empty() || name.value("task") == settings_.bids_task) && name.value("echo").empty() &&
           name.value("part").empty();
  }

  std::string run_of(const BidsName& name) const {
    std::vector<std::string_view> left_out{"sub", "space", "res", "desc"};
    if (!settings_.bids_task.empty()) left_out.push_back("task");
    return name.without(left_out);
  }

  // The run's table of confounds under its present or its former name.
  static std::string motion_of(const BidsName& name, const std::string& folder, const std::vector<std::string>& files) {
    for (const char* suffix : {"timeseries", "regressors"}) {
      const std::string table = fmt::format("{}_desc-confounds_{}.tsv", name.without({"space", "res", "desc"}), suffix);
      if (std::ranges::binary_search(files, table)) return folder + table;
    }
    return {};
  }

  // The brain mask of the run on the grid of this image.
  static std::string mask_of(const BidsName& name, const std::string& folder, const std::vector<std::string>& files) {
    const std::string entities = name.without({"desc"});
    for (const std::string& file : files) {
      const auto mask = parse_bids_name(file);
      if (!mask || mask->suffix != "mask" || mask->value("desc") != "brain" || !is_nifti(mask->extension)) continue;
      if (mask->without({"desc"}) == entities) return folder + file;
    }
    return {};
  }

  // The preferred space where at least half of the runs have it that have the commonest, else the commonest.
  std::string chosen_space() const {
    std::map<std::string, std::size_t> counts;
    for (const auto& [key, run] : runs_) {
      for (const auto& [space, image] : run.images) ++counts[space];
    }
    if (counts.empty()) return {};
    auto best = std::ranges::max_element(counts, {}, [](const auto& space) { return space.second; });
    const auto preferred = counts.find(std::string(kPreferred));
    if (preferred != counts.end() && 2 * preferred->second >= best->second) best = preferred;
    log::info("bids: {} of {} runs have an image with {}, which is taken{}", best->second, runs_.size(),
              described(best->first), counts.size() > 1 ? fmt::format(" of {} spaces", counts.size()) : "");
    return best->first;
  }

  static std::string described(const std::string& space) { return space.empty() ? "no space- in its name" : space; }

  const ListSettings& settings_;
  std::map<std::string, Run> runs_;  // by folder and name without space
};

}  // namespace

std::vector<ScanEntry> find_bids(const ListSettings& settings) { return Derivatives(settings).scans(); }

}  // namespace brainmt::prepare::layouts
