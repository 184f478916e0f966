// Tables of parcel series, one a scan: in one folder under the participants' names, or in the folders of BIDS
// derivatives under BIDS names, as xcp_d writes them. A run has a table for each atlas, of which one is taken for all.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/error.hpp"
#include "base/log.hpp"
#include "io/bids_name.hpp"
#include "io/printable.hpp"
#include "prepare/bids_sidecar.hpp"
#include "prepare/bids_space.hpp"
#include "prepare/folder.hpp"
#include "prepare/layouts.hpp"
#include "prepare/other_format.hpp"
#include "prepare/repetition_time.hpp"
#include "prepare/series_file.hpp"

namespace brainmt::prepare::layouts {
namespace {

// What distinguishes the tables of one run.
const std::vector<std::string_view> kOfTable{"space", "cohort", "res", "den", "desc", "atlas", "seg", "stat"};

std::string_view atlas_of(const io::BidsName& name) {
  return name.value("atlas").empty() ? name.value("seg") : name.value("atlas");
}

// Tables of other purposes that may lie beside those of scans.
bool is_other_table(std::string_view file) {
  const std::string name = lower(file);
  constexpr std::array<std::string_view, 6> kBeginnings{"phenotypes.", "participants.", "readme",
                                                        "changes",     "atlas.",        "atlas-"};
  constexpr std::array<std::string_view, 7> kEndings{"_motion.tsv", "_coverage.tsv", "_bold.tsv",    "_dseg.tsv",
                                                     "_scans.tsv",  "_sessions.tsv", "_outliers.tsv"};
  return std::ranges::any_of(kBeginnings, [&](std::string_view begin) { return name.starts_with(begin); }) ||
         std::ranges::any_of(kEndings, [&](std::string_view end) { return name.ends_with(end); });
}

struct Run {
  std::string participant, session, name, motion;
  struct Table {
    std::string file, coverage, sidecar;
  };
  std::map<std::string, std::map<std::string, Table>> tables;  // by atlas, and by space
  std::string wrong;                                           // why the first file cannot be right
  Dropped wrong_cause = Dropped::kName;
};

class BidsTables {
 public:
  explicit BidsTables(const ListSettings& settings) : settings_(settings), sidecars_(settings.input) {
    add_folder("", "", "");
    for (const std::string& subject : names_in(settings.input)) {
      if (!subject.starts_with("sub-") || stands_at(settings.input / subject)) continue;
      const std::size_t before = runs_.size();
      add_folder(subject, "", subject + "/func/");
      for (const std::string& session : names_in(settings.input / subject))
        if (session.starts_with("ses-")) add_folder(subject, session, fmt::format("{}/{}/func/", subject, session));
      if (runs_.size() == before)
        others_.push_back(overlooked(subject, subject, "folder without a table: layout=tables finds none in it"));
    }
  }

  bool empty() const { return runs_.empty(); }

  std::vector<ScanEntry> scans() {
    const std::string atlas = chosen_atlas(), space = chosen_space(atlas);
    std::vector<ScanEntry> scans;
    for (const auto& [key, run] : runs_) {
      const auto with_atlas = run.tables.find(atlas);
      const auto& tables = with_atlas == run.tables.end() ? run.tables.begin()->second : with_atlas->second;
      const auto found = tables.find(space);
      const Run::Table& table = found == tables.end() ? tables.begin()->second : found->second;
      ScanEntry& scan = scans.emplace_back(scan_at(run.participant, run.name, table.file));
      scan.session = run.session;
      scan.motion = run.motion;
      scan.coverage = table.coverage;
      scan.sidecar = table.sidecar;
      if (!run.wrong.empty())
        scan.reject(run.wrong_cause, run.wrong);
      else if (with_atlas == run.tables.end())
        scan.reject(Dropped::kImage, fmt::format("the run has no table of the atlas {} (bids_atlas=)", atlas));
      else if (found == tables.end())
        scan.reject(Dropped::kImage, fmt::format("the run has no table with {} (bids_space=)", bids_space_text(space)));
    }
    std::ranges::copy(others_, std::back_inserter(scans));
    return scans;
  }

 private:
  void add_folder(const std::string& subject, const std::string& session, const std::string& folder) {
    const std::vector<std::string> files = names_in(settings_.input / folder);
    for (const std::string& file : files) {
      const auto name = io::parse_bids_name(file);
      if (!name || name->value("sub").empty() || !is_wanted(*name, file)) continue;
      if (!stands_at(settings_.input / (folder + file))) continue;
      Run& run = runs_[folder + name->without(kOfTable)];
      run.participant = fmt::format("sub-{}", name->value("sub"));
      run.session = name->value("ses");
      run.name = run_of(*name);
      run.motion = motion_of(*name, folder, files);
      add_table(run, *name, folder, file, files);
      if (!subject.empty() &&
          (run.participant != subject || (session.empty() ? "" : session.substr(4)) != name->value("ses"))) {
        run.wrong = "its name says another participant or session than its folder";
        run.wrong_cause = Dropped::kName;
      }
    }
  }

  // Text before CIFTI where a run has both; two files of one form are one too many.
  void add_table(Run& run, const io::BidsName& name, const std::string& folder, const std::string& file,
                 const std::vector<std::string>& files) {
    Run::Table& table = run.tables[std::string(atlas_of(name))][space_of(name)];
    const bool is_text = file.ends_with(".tsv");
    if (!table.file.empty() && table.file.ends_with(".tsv") == is_text) {
      run.wrong = "a second table of the same run, atlas and space";
      run.wrong_cause = Dropped::kTwice;
    }
    if (!table.file.empty() && !is_text) return;
    table = {folder + file, coverage_of(name, folder, files), sidecar_of(name, folder, file)};
  }

  bool is_wanted(const io::BidsName& name, const std::string& file) const {
    if (!settings_.bids_task.empty() && name.value("task") != settings_.bids_task) return false;
    if (!name.value("stat").empty() && name.value("stat") != "mean") return false;
    if (lower(name.extension) == ".ptseries.nii") return !has_stray_name(file);
    const bool has_atlas = !atlas_of(name).empty();
    return name.suffix == "timeseries" && name.extension == ".tsv" && (has_atlas || name.value("desc").empty());
  }

  std::string run_of(const io::BidsName& name) const {
    std::vector<std::string_view> left_out = kOfTable;
    left_out.push_back("sub");
    if (!settings_.bids_task.empty()) left_out.push_back("task");
    return name.without(left_out);
  }

  static std::string first_of(const std::string& folder, const std::vector<std::string>& files, const std::string& stem,
                              std::initializer_list<const char*> endings) {
    for (const char* ending : endings)
      if (std::ranges::binary_search(files, stem + ending)) return folder + stem + ending;
    return {};
  }

  // xcp_d's motion under its present or former name, or fMRIPrep's confounds.
  static std::string motion_of(const io::BidsName& name, const std::string& folder,
                               const std::vector<std::string>& files) {
    return first_of(folder, files, name.without(kOfTable),
                    {"_motion.tsv", "_desc-filtered_motion.tsv", "_desc-confounds_timeseries.tsv",
                     "_desc-confounds_regressors.tsv"});
  }

  // xcp_d: ..._seg-X_stat-coverage_bold.tsv, formerly ..._atlas-X_coverage.tsv.
  static std::string coverage_of(const io::BidsName& name, const std::string& folder,
                                 const std::vector<std::string>& files) {
    for (const auto& left_out : {std::vector<std::string_view>{"stat"}, std::vector<std::string_view>{"stat", "den"}}) {
      const std::string found =
          first_of(folder, files, name.without(left_out), {"_stat-coverage_bold.tsv", "_coverage.tsv"});
      if (!found.empty()) return found;
    }
    return {};
  }

  // That of the table, or of the images that it was made of where it has no time.
  std::string sidecar_of(const io::BidsName& name, const std::string& folder, const std::string& file) {
    const std::string own = sidecars_.find(folder, file);
    if (!own.empty() && has_time(own)) return own;
    const std::string image = name.without({"atlas", "seg", "stat", "desc"}) + "_desc-denoised_bold.nii.gz";
    const std::string of_image = sidecars_.find(folder, image);
    return of_image.empty() ? own : of_image;
  }

  bool has_time(const std::string& sidecar) const {
    try {
      return sidecar_time(settings_.input / sidecar).has_value();
    } catch (const DataError&) {
      return false;
    }
  }

  std::string chosen_atlas() const {
    std::map<std::string, std::size_t> counts;
    for (const auto& [key, run] : runs_)
      for (const auto& [atlas, tables] : run.tables) ++counts[atlas];
    const bool chooses = settings_.bids_atlas != "auto";
    if (!chooses && counts.size() == 1) return counts.begin()->first;
    if (chooses && counts.contains(settings_.bids_atlas)) return settings_.bids_atlas;
    std::string listed;
    for (const auto& [atlas, count] : counts)
      listed += fmt::format("{}{} ({} runs)", listed.empty() ? "" : ", ",
                            atlas.empty() ? "none in the name" : io::printable(atlas), count);
    throw DataError(
        fmt::format("'{}': {} of these atlases: {}: choose one with bids_atlas=", settings_.input.string(),
                    chooses ? fmt::format("bids_atlas={} is none", settings_.bids_atlas) : "there are tables", listed));
  }

  // Parcels of any space will do, so auto is the commonest.
  std::string chosen_space(const std::string& atlas) const {
    SpaceCounts counts;
    for (const auto& [key, run] : runs_) {
      const auto tables = run.tables.find(atlas);
      if (tables == run.tables.end()) continue;
      for (const auto& [space, table] : tables->second) ++counts[space];
    }
    std::string space = std::ranges::max_element(counts, {}, &SpaceCounts::value_type::second)->first;
    if (settings_.bids_space != "auto") space = choose_space(counts, settings_.bids_space);
    log::info("tables: {} of {} runs have a table of atlas {} with {}, which is taken", counts[space], runs_.size(),
              atlas.empty() ? "(none in the name)" : atlas, bids_space_text(space));
    return space;
  }

  const ListSettings& settings_;
  BidsSidecars sidecars_;
  std::map<std::string, Run> runs_;  // by folder and name without what is in kOfTable
  std::vector<ScanEntry> others_;    // overlooked
};

std::vector<ScanEntry> plain_tables(const ListSettings& settings) {
  std::vector<ScanEntry> scans;
  const std::vector<std::string> files = names_in(settings.input);
  for (const std::string& file : files) {
    if (!is_series_name(file) || is_other_table(file) || has_stray_name(file) || !stands_at(settings.input / file))
      continue;
    const std::string stem = without_series_ending(file);
    ScanEntry& scan = scans.emplace_back(scan_at(stem, "", file));
    for (const char* ending : {"_motion.tsv", "_mcf_rel.rms"})
      if (scan.motion.empty() && std::ranges::binary_search(files, stem + ending)) scan.motion = stem + ending;
    if (std::ranges::binary_search(files, stem + "_coverage.tsv")) scan.coverage = stem + "_coverage.tsv";
  }
  return scans;
}

}  // namespace

std::vector<ScanEntry> find_tables(const ListSettings& settings) {
  BidsTables bids(settings);
  return bids.empty() ? plain_tables(settings) : bids.scans();
}

}  // namespace brainmt::prepare::layouts
