#pragma once
// Which files are scans, and of whom. docs/layouts.md draws the folders that are known.
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.hpp"
#include "io/cohort_layout.hpp"
#include "io/zip_archive.hpp"

namespace brainmt::prepare {

/// How a cohort names its files.
///   flat   <id>.nii[.gz]
///   ukb    <eid>/fMRI/filtered_func_data_clean_MNI.nii.gz, and the folders of bulk field 20227
///   hcp    <id>/MNINonLinear/Results/rfMRI_REST1_LR/<the same>_hp2000_clean.nii.gz, and other releases' names
///   bids   derivatives: sub-<id>/[ses-<s>/]func/*_desc-preproc_bold.nii[.gz], or desc-denoised
///   tables series of parcels: <id>.tsv and the like, or sub-<id>/[ses-<s>/]func/*_atlas-<a>_timeseries.tsv
enum class Layout { kFlat, kUkb, kHcp, kBids, kTables };
/// From the words of the command line, and back. Throws UsageError.
Layout parse_layout(std::string_view word);
std::string_view name_of(Layout layout);

/// Which space the scans must be in: MNI (src/prepare/space.hpp), or whichever they share.
enum class SpaceChoice { kAuto, kMni, kNative };
SpaceChoice parse_space(std::string_view word);

/// What to look for. `pattern` overrules `layout`: the path of a scan below input with {subject} and perhaps {run} in
/// it, each any number of times.
struct ListSettings {
  std::filesystem::path input = {};
  Layout layout = Layout::kFlat;
  std::string pattern = {};
  SpaceChoice space = SpaceChoice::kAuto;
  std::string bids_task = "rest";    // of BIDS names; empty: any, and the task becomes a part of the run's name
  std::string bids_space = "auto";   // prepare/bids_space.hpp
  std::string bids_desc = "auto";    // desc- of the images; auto: preproc, else denoised
  std::string bids_atlas = "auto";   // atlas- or seg- of tables; auto: the only one there is
  std::string hcp_clean = "auto";    // classic, rclean or a name as hp2000_clean; auto: docs/layouts.md
  std::string hcp_scanner = "auto";  // 3T, 7T; auto: 3T where there are such runs
  std::string session = {};          // scans of this session only, in any spelling; empty: of all
  bool reads_archives = io::reads_zip_archives();  // else those of UK Biobank are overlooked

  static ListSettings from_config(const config::Config& config);

  /// Are the scans tables of parcel series (layout=tables, or a pattern with such an ending)?
  bool reads_tables() const;
  /// "flat", "ukb", "hcp", "bids", "tables" or "pattern": what the cohort keeps as its layout.
  std::string_view layout_name() const { return pattern.empty() ? name_of(layout) : "pattern"; }
  /// Must every scan be in MNI space? auto means so for ukb and hcp, whose files have that name.
  bool wants_mni() const;
};

/// Warnings about a used scan, as bits; prepare/oddities.hpp has the texts.
enum Oddity : unsigned {
  kTimeInMilliseconds = 1,
  kTimeUnknown = 2,
  kTimeDisputed = 4,
  kTransformRefused = 8,
  kOrientationUnknown = 16,
  kNanBackground = 32,
  kUnmasked = 64,
  kSpikes = 128,
  kEmptyFrames = 256,
  kFrozenFrames = 512,
  kDeadSlices = 1024
};

/// Why a scan is not in the store, and how the summary says it.
enum class Dropped : std::size_t {
  kName,
  kTwice,
  kLink,
  kArchive,
  kForeign,
  kImage,
  kHeader,
  kMotion,
  kTime,
  kFrames,
  kSpace,
  kContent,
  kQuality,
  kUnlisted,
  kParcels
};
inline constexpr std::array<std::string_view, 15> kDroppedNames{"file name",
                                                                "second scan of the same run",
                                                                "link to nothing",
                                                                "not a readable zip archive",
                                                                "other content than the name says",
                                                                "no image of the kind that is taken",
                                                                "header",
                                                                "motion",
                                                                "repetition time",
                                                                "too short",
                                                                "another space",
                                                                "voxels",
                                                                "quality",
                                                                "not in the table",
                                                                "other parcels"};

/// What becomes of a scan: everything that the report says about it.
struct ScanEntry {
  std::string participant_id;
  std::string run;      // which scan of the participant; empty where the layout knows one only
  std::string session;  // visit of the participant: BIDS's ses- label without `ses-`, HCP's V1, UK Biobank's instance;
                        // empty: the layout knows none. It is a part of `run` too
  std::string file;     // relative to the input directory
  std::string motion;  // file with the scan's motion, relative to the input directory; empty: none (prepare/motion.hpp)
  std::string mask;    // file with the scan's brain mask, likewise; empty: none known
  std::string sidecar;   // BIDS .json beside the scan, likewise; empty: none
  std::string coverage;  // table of the parcels' coverage beside a table of their series, likewise; empty: none
  enum class Status { kUsed, kBad, kUnlisted, kOverlooked } status = Status::kUsed;
  Dropped cause = Dropped::kName;  // of one that is not used
  std::string reason;              // why it is not used; of a used one: what is amiss with it all the same
  std::int64_t frames = 0;         // in the store; of the file where the scan is not used
  double repetition_time = 0;      // likewise, seconds; NaN: not known
  double file_time = 0;            // of the file, seconds; NaN: not known
  unsigned oddities = 0;           // what is odd about a used one (Oddity)
  io::ScanQuality quality;         // of a used one
  std::uint64_t nan_voxels = 0;    // of a used one: NaN in every frame
  double mean_fd = std::numeric_limits<double>::quiet_NaN();  // mean framewise displacement, mm; NaN: not known
  std::int64_t censored = 0;                                  // frames of the file that are left out
  double seconds = 0;                                         // that its preparation took

  bool usable() const { return status == Status::kUsed; }
  /// Adds to the reason of a scan that is used.
  void remark(const std::string& what) {
    if (!what.empty()) reason += (reason.empty() ? "" : "; ") + what;
  }
  bool is_scan() const { return status != Status::kOverlooked; }
  void reject(Dropped kind, std::string why) {
    status = Status::kBad;
    cause = kind;
    reason = std::move(why);
  }
};

/// Files and folders outside the layout that may hold a scan are listed as kOverlooked: an archive, another format, a
/// folder without a scan. They count neither as bad nor as found. Its reason is a kind, a colon and the remedy
/// (prepare/other_format.hpp); its participant may be unknown.
///
/// The scans below `input` in the order of their paths. Only the folders that the layout names are looked into. Bad
/// ones come back with their reason: a name that is no participant id, a path that can be read in two ways, a second
/// scan of the same participant and run, a link to nothing, a scan in native space where MNI is wanted. Throws
/// DataError when there is no such directory or no scan in it (saying what there is instead) or none of the session,
/// UsageError for a pattern that cannot work.
std::vector<ScanEntry> list_scans(const ListSettings& settings);

/// The dataset that a folder derivatives/<pipeline> is in; empty: `input` is none.
std::filesystem::path dataset_of_derivatives(const std::filesystem::path& input);

/// The table that goes with the layout where none is named: <input>/phenotypes.csv, for bids <input>/participants.tsv
/// or that of the dataset above derivatives/<pipeline>. Empty where there is none.
std::filesystem::path default_table(const ListSettings& settings);

}  // namespace brainmt::prepare
