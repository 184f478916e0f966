// BIDS derivatives, as fMRIPrep and xcp_d write them: one image a run and output space. All scans of a cohort must be
// in one space, so one is chosen for all.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/error.hpp"
#include "base/log.hpp"
#include "io/bids_name.hpp"
#include "prepare/bids_sidecar.hpp"
#include "prepare/bids_space.hpp"
#include "prepare/folder.hpp"
#include "prepare/layouts.hpp"
#include "prepare/other_format.hpp"

namespace brainmt::prepare::layouts {
namespace {

// Of fMRIPrep; of xcp_d, without and with smoothing. In the order of preference.
constexpr std::array<std::string_view, 3> kKnownDescs{"preproc", "denoised", "denoisedSmoothed"};

// What distinguishes the images of one run.
const std::vector<std::string_view> kOfImage{"space", "cohort", "res", "desc"};

struct Run {
  std::string participant, session, name, motion;
  struct Image {
    std::string file, mask, sidecar;
  };
  std::map<std::string, std::map<std::string, Image>> images;  // by desc, and by space
  std::string wrong;                                           // why the first file cannot be right
  Dropped wrong_cause = Dropped::kName;
};

class Derivatives {
 public:
  explicit Derivatives(const ListSettings& settings) : settings_(settings), sidecars_(settings.input) {
    for (const std::string& subject : names_in(settings.input)) {
      if (!subject.starts_with("sub-")) {
        note_archive(subject);
        continue;
      }
      const std::size_t before = runs_.size();
      const std::size_t others_before = others_.size();
      add_folder(subject, "", subject + "/func/");
      for (const std::string& session : names_in(settings.input / subject)) {
        if (session.starts_with("ses-")) add_folder(subject, session, fmt::format("{}/{}/func/", subject, session));
      }
      if (runs_.size() == before && others_.size() == others_before) note_without_scan(subject);
    }
  }

  std::vector<ScanEntry> scans() {
    if (runs_.empty()) return others_;
    const std::string desc(chosen_desc());
    const std::string space = chosen_space(desc);
    std::vector<ScanEntry> scans;
    for (const auto& [key, run] : runs_) {
      const auto with_desc = run.images.find(desc);
      const auto& images = with_desc == run.images.end() ? run.images.begin()->second : with_desc->second;
      const auto found = images.find(space);
      const Run::Image& image = found == images.end() ? images.begin()->second : found->second;
      ScanEntry& scan = scans.emplace_back(scan_at(run.participant, run.name, image.file));
      scan.session = run.session;
      scan.motion = run.motion;
      scan.mask = image.mask;
      scan.sidecar = image.sidecar;
      if (!run.wrong.empty()) {
        scan.reject(run.wrong_cause, run.wrong);
      } else if (with_desc == run.images.end()) {
        scan.reject(Dropped::kImage, fmt::format("the run has no image with desc-{} (bids_desc=)", desc));
      } else if (found == images.end()) {
        scan.reject(Dropped::kImage,
                    fmt::format("the run has no image with {}, which {}", bids_space_text(space), how_common_));
      }
    }
    std::ranges::copy(others_, std::back_inserter(scans));
    return scans;
  }

 private:
  void add_folder(const std::string& subject, const std::string& session, const std::string& folder) {
    const std::vector<std::string> files = names_in(settings_.input / folder);
    for (const std::string& file : files) {
      const auto name = io::parse_bids_name(file);
      if (!name || !is_wanted(*name) || !is_scan(file, files)) continue;
      const std::string path = folder + file;
      if (!stands_at(settings_.input / path)) continue;
      Run& run = runs_[folder + name->without(kOfImage)];
      run.participant = subject;
      run.session = name->value("ses");
      run.name = run_of(*name);
      run.motion = motion_of(*name, folder, files);
      const Run::Image image{path, mask_of(*name, folder, files), sidecars_.find(folder, file)};
      if (!run.images[std::string(name->value("desc"))].emplace(space_of(*name), image).second) {
        run.wrong = "a second image of the same run and space";
        run.wrong_cause = Dropped::kTwice;
      }
      if ("sub-" + std::string(name->value("sub")) != subject ||
          (session.empty() ? "" : session.substr(4)) != name->value("ses")) {
        run.wrong = "its name says another participant or session than its folder";
        run.wrong_cause = Dropped::kName;
      }
    }
    note_others(subject, folder, files);
  }

  // Images of other formats and under other names, where their run has none that is read.
  void note_others(const std::string& subject, const std::string& folder, const std::vector<std::string>& files) {
    std::set<std::string> noted;
    for (const std::string& file : files) {
      const auto other = other_format(file, files);
      if (!other && !is_nifti(file)) continue;
      const auto name = io::parse_bids_name(other ? other->name : file);
      if (!name) {
        note_foreign_name(subject, folder, file, other);
        continue;
      }
      if (!has_wanted_names(*name)) continue;
      std::vector<std::string_view> left_out = kOfImage;
      for (const char* key : {"den", "hemi"}) left_out.push_back(key);
      const std::string run = folder + name->without(left_out);
      const bool is_read = runs_.contains(run);
      if (is_read && other && has_stray_name(file) && is_wanted_desc(name->value("desc"))) {
        others_.push_back(overlooked(subject, folder + file, other->reason));
        if (!other->unfinished) second_copy(others_.back());
      }
      if (is_read || !noted.insert(run).second) continue;
      others_.push_back(overlooked(subject, folder + file, other ? other->reason : unwanted_desc(name->value("desc"))));
    }
  }

  static std::string unwanted_desc(std::string_view desc) {
    return desc.empty() ? std::string("image without desc-: not preprocessed; pattern= reads it as it is")
                        : fmt::format("image with another desc-: bids_desc={} takes it", desc);
  }

  // fMRIPrep before 1.2 wrote `sub-1_task-rest_bold_space-..._preproc.nii.gz`, the ABCD pipelines
  // `..._task-rest_bold_desc-filtered_timeseries.dtseries.nii`.
  void note_foreign_name(const std::string& subject, const std::string& folder, const std::string& file,
                         const std::optional<OtherFormat>& other) {
    const bool is_task = file.find("_task-" + settings_.bids_task) != file.npos;
    const bool is_image = file.find("_preproc") != file.npos || file.find("_timeseries") != file.npos;
    if (!is_task || !is_image || file.find("_bold_") == file.npos) return;
    others_.push_back(
        overlooked(subject, folder + file, other ? other->reason : "old name: describe its path with pattern="));
  }

  // An archive of a participant under a name of its own, as the NIMH data archive packs ABCD's.
  void note_archive(const std::string& name) {
    const auto archive = other_format(name);
    const std::size_t id = name.find("NDARINV");
    if (!archive || id == name.npos || archive->reason.find("not unpacked") == std::string::npos) return;
    others_.push_back(overlooked("sub-" + name.substr(id, name.find('_', id) - id), name, archive->reason));
  }

  void note_without_scan(const std::string& subject) {
    std::error_code unknown;
    const auto archive = other_format(subject);
    if (archive) {
      const bool is_read =
          std::ranges::any_of(runs_, [&](const auto& run) { return run.second.participant == archive->stem; });
      if (!is_read && std::filesystem::is_directory(settings_.input / archive->stem, unknown)) return;
      others_.push_back(overlooked(archive->stem, subject, archive->reason));
      if (is_read && !archive->unfinished) second_copy(others_.back());
    } else if (std::filesystem::is_directory(settings_.input / subject, unknown)) {
      const std::string task = settings_.bids_task.empty() ? "" : fmt::format(" of task {}", settings_.bids_task);
      others_.push_back(
          overlooked(subject, subject, fmt::format("folder without a scan{}: layout=bids finds none in it", task)));
    }
  }

  // Single echoes and phase images are no preprocessed scans.
  bool is_wanted(const io::BidsName& name) const {
    return has_wanted_names(name) && is_wanted_desc(name.value("desc"));
  }

  bool has_wanted_names(const io::BidsName& name) const {
    return name.suffix == "bold" && (settings_.bids_task.empty() || name.value("task") == settings_.bids_task) &&
           name.value("echo").empty() && name.value("part").empty();
  }

  bool is_wanted_desc(std::string_view desc) const {
    return settings_.bids_desc == "auto" ? std::ranges::count(kKnownDescs, desc) > 0 : desc == settings_.bids_desc;
  }

  std::string run_of(const io::BidsName& name) const {
    std::vector<std::string_view> left_out = kOfImage;
    left_out.push_back("sub");
    if (!settings_.bids_task.empty()) left_out.push_back("task");
    return name.without(left_out);
  }

  // The run's motion: fMRIPrep's confounds under their present or former name, xcp_d's with and without filter.
  static std::string motion_of(const io::BidsName& name, const std::string& folder,
                               const std::vector<std::string>& files) {
    for (const char* ending :
         {"desc-confounds_timeseries", "desc-confounds_regressors", "desc-filtered_motion", "motion"}) {
      const std::string table = fmt::format("{}_{}.tsv", name.without(kOfImage), ending);
      if (std::ranges::binary_search(files, table)) return folder + table;
    }
    return {};
  }

  // The brain mask of the run on the grid of this image.
  static std::string mask_of(const io::BidsName& name, const std::string& folder,
                             const std::vector<std::string>& files) {
    const std::string entities = name.without({"desc"});
    for (const std::string& file : files) {
      const auto mask = io::parse_bids_name(file);
      if (!mask || mask->suffix != "mask" || mask->value("desc") != "brain" || !is_nifti(mask->extension)) continue;
      if (mask->without({"desc"}) == entities) return folder + file;
    }
    return {};
  }

  // auto: the first of the known ones that any run has.
  std::string_view chosen_desc() const {
    if (settings_.bids_desc != "auto") return settings_.bids_desc;
    const auto is_there = [&](std::string_view desc) {
      return std::ranges::any_of(runs_, [&](const auto& run) { return run.second.images.contains(std::string(desc)); });
    };
    const auto found = std::ranges::find_if(kKnownDescs, is_there);
    if (found == kKnownDescs.end() - 1)
      log::warn("bids: there are smoothed images only (desc-{}), which are taken; bids_desc= takes others", *found);
    return *found;
  }

  std::string chosen_space(const std::string& desc) {
    SpaceCounts counts;
    for (const auto& [key, run] : runs_) {
      const auto images = run.images.find(desc);
      if (images == run.images.end()) continue;
      for (const auto& [space, image] : images->second) ++counts[space];
    }
    std::string space;
    try {
      space = choose_space(counts, settings_.bids_space);
    } catch (const DataError& error) {
      throw DataError(fmt::format("'{}': {}", settings_.input.string(), error.what()));
    }
    const std::size_t count = counts[space];
    how_common_ = 2 * count > runs_.size()
                      ? "most scans have"
                      : fmt::format("is taken for all and {} of {} scans have (bids_space=)", count, runs_.size());
    log::info("bids: {} of {} runs have an image with {}, which is taken{}; bids_space= takes another", count,
              runs_.size(), bids_space_text(space),
              counts.size() > 1 ? fmt::format(" of {} spaces", counts.size()) : "");
    return space;
  }

  const ListSettings& settings_;
  BidsSidecars sidecars_;
  std::map<std::string, Run> runs_;  // by folder and name without what is in kOfImage
  std::vector<ScanEntry> others_;    // overlooked
  std::string how_common_;           // what is said of the chosen space to a run without it
};

}  // namespace

std::vector<ScanEntry> find_bids(const ListSettings& settings) { return Derivatives(settings).scans(); }

}  // namespace brainmt::prepare::layouts
