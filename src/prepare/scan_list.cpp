#include "prepare/scan_list.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>

#include "base/error.hpp"
#include "io/byte_source.hpp"
#include "io/cohort_layout.hpp"
#include "io/foreign_file.hpp"
#include "io/printable.hpp"
#include "prepare/folder.hpp"
#include "prepare/layouts.hpp"
#include "prepare/other_format.hpp"
#include "prepare/phenotypes.hpp"
#include "prepare/series_file.hpp"

namespace brainmt::prepare {
namespace {

namespace fs = std::filesystem;

struct LayoutInfo {
  Layout layout;
  std::string_view name, expected;
  std::vector<ScanEntry> (*find)(const ListSettings&);
};

constexpr std::array kLayouts{
    LayoutInfo{Layout::kFlat, "flat", "<subject>.nii.gz or <subject>.nii", layouts::find_flat},
    LayoutInfo{Layout::kUkb, "ukb",
               "<eid>/fMRI/filtered_func_data_clean_MNI.nii.gz or folders <eid>_20227_<instance>_<array>",
               layouts::find_ukb},
    LayoutInfo{Layout::kHcp, "hcp",
               "<id>/MNINonLinear/Results/rfMRI_REST1_LR/rfMRI_REST1_LR_hp2000_clean.nii.gz or another release's names",
               layouts::find_hcp},
    LayoutInfo{Layout::kBids, "bids", "sub-<id>/[ses-<s>/]func/*_task-{}_*_desc-preproc_bold.nii.gz",
               layouts::find_bids},
    LayoutInfo{Layout::kTables, "tables",
               "<subject>.tsv, .csv, .txt or .ptseries.nii, or sub-<id>/[ses-<s>/]func/*_task-{}_*_timeseries.tsv",
               layouts::find_tables}};

const LayoutInfo& info_of(Layout layout) { return *std::ranges::find(kLayouts, layout, &LayoutInfo::layout); }

// The searched names, for the message that no scan was found.
std::string expectation(const ListSettings& settings) {
  if (!settings.pattern.empty()) return fmt::format("files named '{}'", settings.pattern);
  std::string text(info_of(settings.layout).expected);
  if (text.find("{}") != text.npos) {
    text.replace(text.find("{}"), 2, settings.bids_task.empty() ? "*" : settings.bids_task);
  }
  return text;
}

// Lists files in the first levels of a folder of unknown layout, up to kMaxNames names.
class Sample {
 public:
  explicit Sample(const fs::path& input) { enter(input, "", kLevels); }

  std::string described() const {
    if (archives_ > 0) return fmt::format("found {} archives such as '{}': unpack them first", archives_, archive_);
    if (scans_ > 0) {
      return fmt::format("found {} NIfTI files such as '{}' (digits as #): describe their path with pattern=", scans_,
                         scan_);
    }
    return fmt::format("there is no .nii or .nii.gz file in its first {} levels", kLevels);
  }

 private:
  static constexpr int kLevels = 5;
  static constexpr std::size_t kMaxNames = 20'000;

  void enter(const fs::path& input, const std::string& folder, int levels) {
    for (const std::string& name : names_in(input / folder)) {
      if (++seen_ > kMaxNames) return;
      const std::string path = folder + name;
      std::error_code unknown;
      if (layouts::is_nifti(name)) {
        if (scans_++ == 0) scan_ = anonymous(path);
      } else if (name.ends_with(".zip")) {
        if (archives_++ == 0) archive_ = anonymous(path);
      } else if (levels > 1 && !fs::is_symlink(input / path, unknown) && fs::is_directory(input / path, unknown)) {
        enter(input, path + "/", levels - 1);
      }
    }
  }

  std::size_t seen_ = 0, scans_ = 0, archives_ = 0;
  std::string scan_, archive_;
};

std::size_t count_scans(const std::vector<ScanEntry>& entries) {
  return static_cast<std::size_t>(std::ranges::count_if(entries, &ScanEntry::is_scan));
}

// "; overlooked: 3 zip archive, not unpacked ('1000015_20227_2_0.zip')"
std::string overlooked_in_words(const std::vector<ScanEntry>& entries) {
  std::map<std::string_view, std::pair<std::size_t, std::string>> kinds;
  for (const ScanEntry& entry : entries) {
    auto& [count, example] = kinds[kind_of(entry.reason)];
    if (count++ == 0) example = entry.file;
  }
  std::string text;
  for (const auto& [kind, found] : kinds)
    text += fmt::format("; {} {} ({})", found.first, kind, io::printable(found.second));
  return text;
}

// A folder may hold texts of any kind.
bool holds_series(const fs::path& path) {
  try {
    return read_series(path).frames > 1;
  } catch (const DataError&) {
    return false;
  }
}

// What the input holds instead: scans of another layout or task, or other files.
std::string nearest_thing(const ListSettings& settings) {
  for (const LayoutInfo& other : kLayouts) {
    ListSettings as_other = settings;
    as_other.pattern.clear();
    as_other.layout = other.layout;
    as_other.bids_task.clear();
    std::size_t found = 0;
    try {
      const std::vector<ScanEntry> entries = other.find(as_other);
      found = count_scans(entries);
      if (other.layout == Layout::kTables && found > 0 && !holds_series(settings.input / entries.front().file))
        continue;
    } catch (const DataError& error) {  // there are scans, but a key must choose among them
      return fmt::format("with layout={}, {}", other.name, error.what());
    }
    if (found == 0) continue;
    if (settings.pattern.empty() && other.layout == settings.layout) {
      return fmt::format("found {} scans of other tasks: set bids_task", found);
    }
    return fmt::format("found {} scans named {}: try layout={}", found, expectation(as_other), other.name);
  }
  return Sample(settings.input).described();
}

// Why a .zip that is overlooked cannot be unpacked either; empty: it can, or is none.
std::string archive_objection(const ScanEntry& entry, const ListSettings& settings) {
  const fs::path path = settings.input / entry.file;
  std::error_code unknown;
  if (!lower(entry.file).ends_with(".zip") || fs::is_directory(path, unknown)) return {};
  if (!settings.reads_archives) return {};
  try {
    const io::ZipArchive archive(path);
    return {};
  } catch (const DataError& error) {
    return layouts::archive_fault(path, error.what());
  }
}

// Keeps scans of one session; entries that are not scans stay.
void keep_session(std::vector<ScanEntry>& scans, const ListSettings& settings) {
  if (settings.session.empty()) return;
  std::map<std::string, std::size_t> sessions;
  for (const ScanEntry& scan : scans)
    if (scan.is_scan()) ++sessions[session_of(scan)];
  const std::string wanted = simple_session(settings.session);
  std::erase_if(scans,
                [&](const ScanEntry& scan) { return scan.is_scan() && simple_session(session_of(scan)) != wanted; });
  if (count_scans(scans) > 0) return;
  std::vector<std::string> found;
  for (const auto& [session, count] : sessions)
    found.push_back(fmt::format("{} of {}", count, session.empty() ? "no session" : session));
  throw DataError(fmt::format("'{}' holds no scan of session={}, found {}", settings.input.string(), settings.session,
                              fmt::join(found, ", ")));
}

void check(ScanEntry& scan, const fs::path& input) {
  std::error_code unknown;
  if (!io::is_participant_id(scan.participant_id)) {
    scan.reject(Dropped::kName, fmt::format("{} is not a participant id (1 to 64 letters, digits, '_' or '-')",
                                            io::printable(scan.participant_id)));
  } else if (scan.usable() && !fs::is_regular_file(io::file_on_disk(input / scan.file), unknown)) {
    const std::string pointer = io::foreign_link(input / scan.file);
    scan.reject(Dropped::kLink,
                pointer.empty() ? "is a link to a file that is not there, or no regular file" : pointer);
  }
}

}  // namespace

Layout parse_layout(std::string_view word) {
  const auto found = std::ranges::find(kLayouts, word, &LayoutInfo::name);
  if (found == kLayouts.end()) {
    throw UsageError(fmt::format("layout is '{}', expected flat, ukb, hcp, bids or tables", word));
  }
  return found->layout;
}

std::string_view name_of(Layout layout) { return info_of(layout).name; }

ListSettings ListSettings::from_config(const config::Config& config) {
  return {.input = config.get<std::string>("input"),
          .layout = parse_layout(config.get<std::string>("layout")),
          .pattern = config.get<std::string>("pattern"),
          .space = parse_space(config.get<std::string>("space")),
          .bids_task = config.get<std::string>("bids_task"),
          .bids_space = config.get<std::string>("bids_space"),
          .bids_desc = config.get<std::string>("bids_desc"),
          .bids_atlas = config.get<std::string>("bids_atlas"),
          .hcp_clean = config.get<std::string>("hcp_clean"),
          .hcp_scanner = config.get<std::string>("hcp_scanner"),
          .session = config.get<std::string>("session")};
}

SpaceChoice parse_space(std::string_view word) {
  if (word == "auto") return SpaceChoice::kAuto;
  if (word == "mni") return SpaceChoice::kMni;
  if (word == "native") return SpaceChoice::kNative;
  throw UsageError(fmt::format("space is '{}', expected auto, mni or native", word));
}

bool ListSettings::reads_tables() const {
  return pattern.empty() ? layout == Layout::kTables : is_series_name(pattern);
}

bool ListSettings::wants_mni() const {
  const bool named_so = pattern.empty() && (layout == Layout::kUkb || layout == Layout::kHcp);
  return space == SpaceChoice::kMni || (space == SpaceChoice::kAuto && named_so);
}

std::vector<ScanEntry> list_scans(const ListSettings& settings) {
  std::error_code error;
  if (!fs::is_directory(settings.input, error)) {
    throw DataError(fmt::format("cannot list the directory '{}': {}", settings.input.string(),
                                error ? error.message() : "it is no directory"));
  }
  std::vector<ScanEntry> scans =
      settings.pattern.empty() ? info_of(settings.layout).find(settings) : layouts::find_by_pattern(settings);
  if (count_scans(scans) == 0) {
    throw DataError(fmt::format("'{}' holds no scan, expected {}; {}{}", settings.input.string(), expectation(settings),
                                nearest_thing(settings), overlooked_in_words(scans)));
  }
  keep_session(scans, settings);
  std::ranges::sort(scans, {}, &ScanEntry::file);
  std::set<std::pair<std::string_view, std::string_view>> seen;
  for (ScanEntry& scan : scans) {
    if (!scan.is_scan()) {
      if (kind_of(scan.reason) == kSecondCopy) continue;
      if (const std::string why = archive_objection(scan, settings); !why.empty())
        scan.reason = fmt::format("{}: {}", kBadArchive, why);
      continue;
    }
    check(scan, settings.input);
    if (!scan.usable() || seen.emplace(scan.participant_id, scan.run).second) continue;
    scan.reject(Dropped::kTwice, scan.run.empty()
                                     ? "a second scan of the same participant"
                                     : fmt::format("a second scan of run {} of the same participant", scan.run));
  }
  return scans;
}

fs::path dataset_of_derivatives(const fs::path& input) {
  // A trailing slash makes an empty file name, so the path is cleaned first.
  const fs::path above = (fs::absolute(input) / "").parent_path().lexically_normal().parent_path();
  return above.filename() == "derivatives" ? above.parent_path() : fs::path();
}

fs::path default_table(const ListSettings& settings) {
  std::vector<fs::path> candidates{settings.input / "phenotypes.csv"};
  if (settings.pattern.empty() && (settings.layout == Layout::kBids || settings.layout == Layout::kTables)) {
    candidates.push_back(settings.input / "participants.tsv");
    if (const fs::path above = dataset_of_derivatives(settings.input); !above.empty())
      candidates.push_back(above / "participants.tsv");
  }
  std::error_code unknown;
  const auto found = std::ranges::find_if(candidates, [&](const fs::path& path) { return fs::exists(path, unknown); });
  return found == candidates.end() ? fs::path() : *found;
}

}  // namespace brainmt::prepare
