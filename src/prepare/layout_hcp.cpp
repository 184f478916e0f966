// The Human Connectome Project: resting-state runs of young adults, Aging and Development, already in MNI space. Their
// names have three parts that differ between releases: the phase encoding (LR, AP), the high-pass filter (hp2000, hp0)
// and the cleaning (clean; clean_rclean_tclean since 2025). One kind of cleaning is taken for the whole cohort.
#include <algorithm>
#include <array>
#include <map>

#include "base/error.hpp"
#include "base/log.hpp"
#include "prepare/folder.hpp"
#include "prepare/layouts.hpp"
#include "prepare/other_format.hpp"

namespace brainmt::prepare::layouts {
namespace {

constexpr std::string_view kTask = "rfMRI_", kRest = "REST", kScanner = "_7T_";

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// `REST1_LR`, `REST2a_PA`, `REST1_7T_PA`: a run of the resting state. The folder of all runs together is none.
bool is_rest_run(std::string_view run) {
  if (!run.starts_with(kRest)) return false;
  const std::size_t first = run.find('_'), last = run.rfind('_');
  if (first == run.npos) return false;
  std::string_view number = run.substr(kRest.size(), first - kRest.size());
  if (number.ends_with('a') || number.ends_with('b')) number.remove_suffix(1);
  constexpr std::array<std::string_view, 4> kEncodings{"LR", "RL", "AP", "PA"};
  const bool between = first == last || run.substr(first, last + 1 - first) == kScanner;
  return is_digits(number) && between && std::ranges::count(kEncodings, run.substr(last + 1)) > 0;
}

// `1.60mm_`: the size of the voxels, where images of 7T say it; else nothing.
std::size_t resolution_bytes(std::string_view text) {
  const std::size_t end = text.find("mm_");
  const bool is_number =
      end != text.npos && end > 0 && text.substr(0, end).find_first_not_of("0123456789.") == text.npos;
  return is_number ? end + 3 : 0;
}

// `hp2000_clean`, `hp0_clean_rclean_tclean`: the high-pass filter and what was taken out after it.
bool is_cleaning(std::string_view text) {
  text.remove_prefix(resolution_bytes(text));
  const std::size_t end = text.find('_');
  if (!text.starts_with("hp") || end == text.npos || !is_digits(text.substr(2, end - 2))) return false;
  const std::string_view steps = text.substr(end + 1);
  constexpr std::array<std::string_view, 4> kSteps{"clean", "clean_rclean", "clean_tclean", "clean_rclean_tclean"};
  return std::ranges::count(kSteps, steps) > 0;
}

bool is_classic(std::string_view cleaning) { return cleaning.ends_with("_clean"); }

struct Run {
  std::string id, session, name, folder, motion;
  std::map<std::string, std::string> files;  // by cleaning
  bool is_7t() const { return name.find(kScanner) != name.npos; }
};

// `HCA0000001_V1_MR` is visit V1 of HCA0000001.
void name_participant(const std::string& folder, Run& run) {
  std::string_view text = folder;
  if (text.ends_with("_MR")) text.remove_suffix(3);
  const std::size_t visit = text.rfind("_V");
  const bool is_visit = visit != text.npos && visit > 0 && is_digits(text.substr(visit + 2));
  run.id = is_visit ? text.substr(0, visit) : folder;
  run.session = is_visit ? text.substr(visit + 1) : "";
}

// `REST1_` of `100307_3T_rfMRI_REST1_fix.zip`; empty: of other data.
std::string run_of_archive(const std::string& file) {
  const std::size_t at = file.find("rfMRI_REST");
  if (!other_format(file) || at == file.npos) return {};
  const std::size_t run = at + kTask.size(), end = file.find_first_not_of("0123456789", run + kRest.size());
  return end == file.npos || end == run + kRest.size() ? std::string() : file.substr(run, end - run) + "_";
}

class Connectome {
 public:
  explicit Connectome(const ListSettings& settings) : settings_(settings) {
    for (const std::string& folder : names_in(settings.input)) add_participant(folder);
  }

  std::vector<ScanEntry> scans() {
    std::vector<ScanEntry> scans = chosen();
    for (ScanEntry& other : others_) {
      const auto is_same = [&](const Run& run) { return run.id == other.participant_id; };
      if (other.run.empty() && std::ranges::any_of(all_, is_same)) {
        const std::string run = run_of_archive(other.file);
        if (run.empty()) continue;  // of other data than the participant's runs
        const auto is_read = [&](const Run& r) { return is_same(r) && r.name.starts_with(run); };
        if (std::ranges::any_of(all_, is_read) && !other_format(other.file)->unfinished) second_copy(other);
      }
      scans.push_back(std::move(other));
    }
    return scans;
  }

 private:
  std::vector<ScanEntry> chosen() {
    all_ = runs_;
    const bool has_3t = std::ranges::any_of(runs_, [](const Run& run) { return !run.is_7t(); });
    const bool wants_7t = settings_.hcp_scanner == "7T" || (settings_.hcp_scanner == "auto" && !has_3t);
    std::map<std::string, bool> participants;  // true: has a run of the chosen scanner
    for (const Run& run : runs_) participants[run.id] |= run.is_7t() == wants_7t;
    std::vector<Run> others;
    for (const Run& run : runs_) {
      if (run.is_7t() != wants_7t && !participants[run.id]) others.push_back(run);
    }
    std::erase_if(runs_, [&](const Run& run) { return run.is_7t() != wants_7t; });
    std::vector<ScanEntry> scans;
    for (const Run& run : others) {
      ScanEntry& scan = entry(scans, run, run.files.begin()->second);
      scan.status = ScanEntry::Status::kOverlooked;
      scan.reason = fmt::format("participant with runs of {} only: hcp_scanner={} takes them",
                                run.is_7t() ? "7T" : "3T", run.is_7t() ? "7T" : "3T");
    }
    if (runs_.empty()) return scans;
    const std::string cleaning = chosen_cleaning();
    for (const Run& run : runs_) {
      const auto found = run.files.find(cleaning);
      ScanEntry& scan = entry(scans, run, found == run.files.end() ? run.files.begin()->second : found->second);
      if (found != run.files.end()) continue;
      scan.reject(Dropped::kImage,
                  fmt::format("the run has no image named {}, which is taken for all; it has {} (hcp_clean= takes one)",
                              cleaning, run.files.begin()->first));
    }
    return scans;
  }

  void add_participant(const std::string& folder) {
    const std::size_t before = runs_.size() + others_.size();
    add_runs(folder);
    if (runs_.size() + others_.size() > before || !may_be_participant(folder)) return;
    Run run;
    if (const auto archive = other_format(folder)) {
      const std::string id = folder.substr(0, folder.find_first_not_of("0123456789"));  // 100307_3T_rfMRI_REST1_fix.zip
      name_participant(id.empty() ? archive->stem : id, run);
      others_.push_back(overlooked(run.id, folder, archive->reason));
      return;
    }
    std::error_code unknown;
    name_participant(folder, run);
    if (std::filesystem::is_directory(settings_.input / folder, unknown)) {
      others_.push_back(overlooked_in(settings_, run.id, folder, "rfMRI_REST"));
    }
  }

  void add_runs(const std::string& folder) {
    const std::string results = folder + "/MNINonLinear/Results/";
    for (const std::string& task : names_in(settings_.input / results)) {
      if (!task.starts_with(kTask) || !is_rest_run(std::string_view(task).substr(kTask.size()))) continue;
      Run run;
      run.name = task.substr(kTask.size());
      run.folder = results + task + "/";
      name_participant(folder, run);
      add_files(run, task + "_");
      if (run.files.empty()) {
        note_without_image(run, results + task, task);
      } else {
        runs_.push_back(run);
      }
    }
  }

  // A run in another format, or one that was not cleaned.
  void note_without_image(const Run& run, const std::string& folder, const std::string& task) {
    ScanEntry other = overlooked_in(settings_, run.id, folder, task);
    if (other.file == folder) other.reason = "run without a cleaned image: expected a name as *_hp2000_clean.nii.gz";
    other.run = run.name;
    others_.push_back(std::move(other));
  }

  void add_files(Run& run, const std::string& stem) const {
    const std::vector<std::string> files = names_in(settings_.input / run.folder);
    for (const std::string& file : files) {
      if (!file.starts_with(stem) || !is_scan(file, files) || !stands_at(settings_.input / (run.folder + file)))
        continue;
      const std::string cleaning = without_nifti(file).substr(stem.size());
      if (is_cleaning(cleaning)) run.files.emplace(cleaning, run.folder + file);
    }
    for (const char* name : {"Movement_RelativeRMS.txt", "Movement_RelativeRMS_mean.txt"}) {  // the better one first
      if (run.motion.empty() && std::ranges::binary_search(files, name)) run.motion = run.folder + name;
    }
  }

  ScanEntry& entry(std::vector<ScanEntry>& scans, const Run& run, const std::string& file) const {
    const std::string name = run.session.empty() ? run.name : run.session + "_" + run.name;
    ScanEntry& scan = scans.emplace_back(scan_at(run.id, name, file));
    scan.session = run.session;
    scan.motion = run.motion;
    return scan;
  }

  bool is_wanted(std::string_view cleaning) const {
    const std::string& wanted = settings_.hcp_clean;
    if (wanted == "auto") return true;
    if (wanted == "classic") return is_classic(cleaning);
    if (wanted == "rclean") return cleaning.find("_rclean") != cleaning.npos;
    return cleaning == wanted;
  }

  // The classic cleaning if every run has it, else the most frequent; ties go to the one with more steps.
  std::string chosen_cleaning() const {
    std::map<std::string, std::size_t> counts;
    for (const Run& run : runs_) {
      for (const auto& [cleaning, file] : run.files) ++counts[cleaning];
    }
    std::string all, best;
    for (const auto& [cleaning, count] : counts) {
      all += (all.empty() ? "" : ", ") + fmt::format("{} ({} of {} runs)", cleaning, count, runs_.size());
      if (!is_wanted(cleaning)) continue;
      const auto rank = [&](const std::string& name) {
        const bool everywhere = counts.at(name) == runs_.size();
        return std::tuple(everywhere && is_classic(name), counts.at(name), name.size(), name);
      };
      if (best.empty() || rank(cleaning) > rank(best)) best = cleaning;
    }
    if (best.empty()) {
      throw DataError(fmt::format("'{}': no run has an image with hcp_clean={}; there are: {}",
                                  settings_.input.string(), settings_.hcp_clean, all));
    }
    if (counts.size() > 1) log::info("hcp: images named {} are taken; there are: {}", best, all);
    return best;
  }

  const ListSettings& settings_;
  std::vector<Run> runs_, all_;
  std::vector<ScanEntry> others_;  // overlooked
};

}  // namespace

std::vector<ScanEntry> find_hcp(const ListSettings& settings) { return Connectome(settings).scans(); }

}  // namespace brainmt::prepare::layouts
