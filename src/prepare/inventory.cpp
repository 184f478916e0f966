#include "prepare/inventory.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

#include "base/error.hpp"
#include "base/log.hpp"
#include "comm/agreement.hpp"
#include "comm/gather.hpp"
#include "io/foreign_file.hpp"
#include "io/nifti.hpp"
#include "prepare/brain_mask.hpp"
#include "prepare/folder.hpp"
#include "prepare/frame_plan.hpp"
#include "prepare/layouts.hpp"
#include "prepare/motion.hpp"
#include "prepare/repetition_time.hpp"
#include "prepare/series_file.hpp"
#include "prepare/session_tables.hpp"
#include "prepare/staging.hpp"

namespace brainmt::prepare {
namespace {

constexpr std::int64_t kMaxExtent = 2048;  // that a store can hold, docs/cohort-format.md

// Facts about a scan known before its voxels are read, as numbers for the exchange between ranks.
struct Facts {
  static constexpr std::size_t kWidth = 8;
  double bytes = 0, frames = 0, repetition_time = 0, censored = 0;
  double file_time = std::numeric_limits<double>::quiet_NaN();
  unsigned oddities = 0;
  double mean_fd = std::numeric_limits<double>::quiet_NaN();
  Dropped at = Dropped::kHeader;  // the check in progress: the reason if it fails

  std::array<double, kWidth> row() const {
    return {bytes,
            frames,
            repetition_time,
            censored,
            mean_fd,
            file_time,
            static_cast<double>(oddities),
            static_cast<double>(at)};
  }
};

void add_note(std::string& note, const std::string& more) {
  if (!more.empty()) note += (note.empty() ? "" : "; ") + more;
}

// Reads the header and motion; throws DataError when the scan cannot be used.
class HeaderStep {
 public:
  explicit HeaderStep(const PrepareConfig& config) : config_(config), wants_mni_(config.list.wants_mni()) {}

  void operator()(const ScanEntry& scan, HeaderRow& header_row, Facts& facts, std::string& note) const {
    const std::filesystem::path path = config_.list.input / scan.file;
    const io::NiftiHeader header = io::read_nifti_header(path);
    header_row = HeaderRow::of(header);
    facts.bytes = static_cast<double>(stamp_of(path).size);
    facts.frames = static_cast<double>(header.frames());
    read_time(scan, header, facts, note);
    if (header.dimensions < 4) {
      throw DataError(fmt::format("has {} dimensions, expected a scan of 4", header.dimensions));
    }
    if (*std::max_element(header.shape.begin(), header.shape.begin() + 3) > kMaxExtent ||
        header.frame_voxels() > std::numeric_limits<std::uint32_t>::max()) {
      throw DataError(fmt::format("has a grid of {}x{}x{}, more than a store can hold", header.shape[0],
                                  header.shape[1], header.shape[2]));
    }
    facts.at = Dropped::kSpace;
    const std::string objection = wants_mni_ ? mni_objection(header_row, path.string()) : "";
    if (!objection.empty()) throw DataError(objection);
    note_orientation(header, facts, note);
    check_mask(scan, facts);
    facts.at = Dropped::kTime;
    check_repetition_time(facts.file_time, config_.processing);
    facts.at = Dropped::kMotion;
    const Motion motion = motion_of(scan, header.frames(), note);
    facts.mean_fd = motion.mean_fd;
    const FramePlan plan = plan_frames(header.frames(), facts.file_time, config_.processing, motion.fd);
    facts.at = Dropped::kFrames;
    facts.frames = static_cast<double>(plan.frames);
    facts.repetition_time = plan.repetition_time;
    facts.censored = static_cast<double>(plan.censored);
    if (plan.frames < config_.min_frames) {
      throw DataError(
          fmt::format("has {} frames, at least min_frames={} are asked for", plan.frames, config_.min_frames));
    }
  }

 private:
  void read_time(const ScanEntry& scan, const io::NiftiHeader& header, Facts& facts, std::string& note) const {
    const RepetitionTime time =
        repetition_time_of(header.repetition_time, scan.sidecar.empty() ? "" : config_.list.input / scan.sidecar);
    facts.file_time = facts.repetition_time = time.seconds;
    if (time.was_milliseconds) {
      facts.oddities |= kTimeInMilliseconds;
    } else if (std::isnan(time.seconds)) {
      facts.oddities |= kTimeUnknown;
    } else if (!time.note.empty()) {
      facts.oddities |= kTimeDisputed;
    }
    add_note(note, time.note);
  }

  static void note_orientation(const io::NiftiHeader& header, Facts& facts, std::string& note) {
    const bool unknown = header.affine_source == io::AffineSource::kVoxelSizes;
    if (unknown) facts.oddities |= kOrientationUnknown;
    if (header.affine_refused) {
      facts.oddities |= kTransformRefused;
      add_note(note, unknown ? "its sform and qform are no affines (zero, singular or not a number)"
                             : "its sform is no affine (zero, singular or not a number): the qform is taken");
    }
    if (unknown) add_note(note, "its orientation is unknown: only its voxel sizes are");
  }

  void check_mask(const ScanEntry& scan, Facts& facts) const {
    std::error_code unknown;
    if (scan.mask.empty() || std::filesystem::exists(config_.list.input / scan.mask, unknown)) return;
    facts.at = Dropped::kContent;
    throw DataError(fmt::format("there is no mask '{}' (mask={}; paths are relative to input)",
                                (config_.list.input / scan.mask).string(), config_.processing.mask));
  }

  // Without censor_fd an unreadable motion file does not reject the scan; the report names the error.
  Motion motion_of(const ScanEntry& scan, std::int64_t frames, std::string& note) const {
    if (scan.motion.empty()) return {};
    const std::filesystem::path path = config_.list.input / scan.motion;
    try {
      Motion motion = read_motion(path);
      if (!motion.fd.empty() && motion.fd.size() != static_cast<std::size_t>(frames)) {
        throw DataError(
            fmt::format("'{}': has {} values, the scan {} frames", path.string(), motion.fd.size(), frames));
      }
      return motion;
    } catch (const DataError& error) {
      if (config_.processing.censor_fd > 0) throw;
      add_note(note, fmt::format("its motion is not used: {}", error.what()));
      return {};
    }
  }

  const PrepareConfig& config_;
  bool wants_mni_;
};

// Rejects scans whose space differs from that of the majority.
void choose_space(Inventory& inventory, const std::vector<std::uint8_t>& deciding) {
  std::vector<HeaderRow> votes;
  for (std::size_t s = 0; s < inventory.scans.size(); ++s) {
    if (deciding[s] && inventory.scans[s].usable()) votes.push_back(inventory.headers[s]);
  }
  // If all voting scans are bad, the other scans vote; with no usable scan the command ends later.
  if (votes.empty()) {
    for (std::size_t s = 0; s < inventory.scans.size(); ++s) {
      if (inventory.own[s] && inventory.scans[s].usable()) votes.push_back(inventory.headers[s]);
    }
  }
  if (votes.empty()) return;
  inventory.space = most_common_space(votes);
  for (std::size_t s = 0; s < inventory.scans.size(); ++s) {
    if (!inventory.scans[s].usable()) continue;
    const std::string difference = space_difference(inventory.headers[s], inventory.space);
    if (!difference.empty()) inventory.scans[s].reject(Dropped::kSpace, difference);
  }
}

void check_crop(const PrepareConfig& config, const HeaderRow& space) {
  if (!config.processing.crop) return;
  const io::CohortGrid grid = space.grid();
  const auto& last = config.processing.crop->last;
  if (last[0] <= grid.x && last[1] <= grid.y && last[2] <= grid.z) return;
  throw UsageError(fmt::format("crop reaches to {}x{}x{}, expected at most {}x{}x{}, the grid of the scans", last[0],
                               last[1], last[2], grid.x, grid.y, grid.z));
}

template <class T>
void keep_only(std::vector<T>& values, const std::vector<std::uint8_t>& own) {
  std::size_t kept = 0;
  for (std::size_t s = 0; s < own.size(); ++s) {
    if (!own[s]) continue;
    if (kept != s) values[kept] = std::move(values[s]);
    ++kept;
  }
  values.resize(kept);
}

// The ranks' findings gathered, by scan.
struct Findings {
  static constexpr std::size_t kWidth = HeaderRow::kWidth + Facts::kWidth;
  std::vector<double> numbers;  // header and facts
  std::vector<std::string> reasons, notes;

  explicit Findings(std::size_t scans) : numbers(scans * kWidth), reasons(scans), notes(scans) {}
};

// Collective: inspects the scans flagged in `wanted`, shared over the ranks.
Findings look(const Inventory& inventory, const std::vector<std::uint8_t>& wanted, const PrepareConfig& config,
              comm::Communicator& comm, const Progress& progress) {
  const std::size_t count = inventory.scans.size();
  std::vector<std::size_t> mine;
  for (std::size_t s = 0, turn = 0; s < count; ++s) {
    if (!inventory.scans[s].usable() || !wanted[s]) continue;
    if (turn++ % static_cast<std::size_t>(comm.size()) == static_cast<std::size_t>(comm.rank())) mine.push_back(s);
  }
  Findings found(count);
  comm::Owned handled(count, 0);
  comm::run_agreed(comm, [&] {
    const HeaderStep step(config);
    for (std::size_t done = 0; done < mine.size(); ++done) {
      const std::size_t s = mine[done];
      HeaderRow header;
      Facts facts;
      handled[s] = 1;
      try {
        step(inventory.scans[s], header, facts, found.notes[s]);
      } catch (const DataError& error) {
        const std::filesystem::path path = config.list.input / inventory.scans[s].file;
        found.reasons[s] = without_path(error.what(), path);
        if (facts.at == Dropped::kHeader && !io::foreign_file(path).empty()) facts.at = Dropped::kForeign;
      }
      const auto row = found.numbers.begin() + static_cast<std::ptrdiff_t>(s * Findings::kWidth);
      std::ranges::copy(facts.row(), std::ranges::copy(header.numbers, row).out);
      if (progress) progress(Stage::kHeaders, done + 1, mine.size());
    }
  });
  comm::merge_rows(comm, handled, Findings::kWidth, found.numbers);
  comm::merge_rows(comm, handled, found.reasons);
  comm::merge_rows(comm, handled, found.notes);
  return found;
}

void take(Inventory& inventory, const Findings& found) {
  const std::size_t count = inventory.scans.size();
  inventory.headers.resize(count);
  inventory.bytes.resize(count);
  for (std::size_t s = 0; s < count; ++s) {
    const double* row = found.numbers.data() + s * Findings::kWidth;
    std::copy_n(row, HeaderRow::kWidth, inventory.headers[s].numbers.begin());
    const double* facts = row + HeaderRow::kWidth;
    ScanEntry& scan = inventory.scans[s];
    if (!scan.usable()) continue;
    inventory.bytes[s] = facts[0];
    scan.frames = static_cast<std::int64_t>(facts[1]);
    scan.repetition_time = facts[2];
    scan.censored = static_cast<std::int64_t>(facts[3]);
    scan.mean_fd = facts[4];
    scan.file_time = facts[5];
    scan.oddities = static_cast<unsigned>(facts[6]);
    scan.reason = found.notes[s];
    if (!found.reasons[s].empty()) {
      scan.reject(static_cast<Dropped>(static_cast<std::size_t>(facts[7])), found.reasons[s]);
    }
  }
}

// `<scan without .nii.gz>.json`, as BIDS has it; useful in every layout.
std::string sidecar_beside(const std::filesystem::path& input, const std::string& file) {
  const std::string stem = is_series_name(file) ? without_series_ending(file) : layouts::without_nifti(file);
  const std::string name = stem + ".json";
  return stands_at(input / name) ? name : std::string();
}

// Reads the table, if there is one; scans of participants without a row are not used.
void mark_unlisted(Inventory& inventory, const PrepareConfig& config, const std::vector<std::string>& sessions,
                   bool is_speaker) {
  const std::filesystem::path path = config.table();
  if (path.empty() && sessions.empty()) return;
  PhenotypeSettings settings = config.table_settings;
  settings.session_tables.assign(sessions.begin(), sessions.end());
  settings.sessions_first = config.phenotypes.empty() && path.filename() == "participants.tsv";
  Phenotypes& table = inventory.phenotypes.emplace(path, settings);
  table.match(inventory.scans);
  for (ScanEntry& scan : inventory.scans) {
    if (!scan.usable() || table.contains(scan)) continue;
    scan.reject(Dropped::kUnlisted, table.why_missing(scan));
    scan.status = ScanEntry::Status::kUnlisted;
  }
  for (const std::string& line : is_speaker ? table.information() : std::vector<std::string>()) log::info("{}", line);
  for (const std::string& line : is_speaker ? table.warnings() : std::vector<std::string>()) log::warn("{}", line);
}

}  // namespace

bool Inventory::any_usable() const {
  return std::ranges::any_of(scans, [](const ScanEntry& scan) { return scan.usable(); });
}

std::vector<ScanEntry> Inventory::own_scans() const {
  std::vector<ScanEntry> chosen;
  for (std::size_t s = 0; s < scans.size(); ++s) {
    if (own[s]) chosen.push_back(scans[s]);
  }
  return chosen;
}

std::string Inventory::unlisted() const {
  constexpr std::size_t kMax = 4;
  std::string ids;
  std::size_t count = 0;
  for (const ScanEntry& scan : scans) {
    if (scan.status != ScanEntry::Status::kUnlisted || ++count > kMax) continue;
    ids += (ids.empty() ? "" : ", ") + scan.participant_id;
  }
  return fmt::format("scans: {}{}; {}", ids, count > kMax ? ", ..." : "", phenotypes->first_ids());
}

std::string without_path(std::string message, const std::filesystem::path& path) {
  const std::string prefix = fmt::format("'{}': ", path.string());
  if (message.starts_with(prefix)) message.erase(0, prefix.size());
  return message;
}

// Rank 0 lists the files and broadcasts: a network file system may show each rank another state.
Inventory list_inventory(const PrepareConfig& config, comm::Communicator& comm) {
  constexpr std::array kTexts{&ScanEntry::participant_id, &ScanEntry::run,      &ScanEntry::session,
                              &ScanEntry::file,           &ScanEntry::motion,   &ScanEntry::mask,
                              &ScanEntry::sidecar,        &ScanEntry::coverage, &ScanEntry::reason};
  std::vector<std::string> texts, sessions;
  comm::run_agreed(comm, [&] {
    if (comm.rank() != 0) return;
    for (const auto& file : find_session_tables(config.list)) sessions.push_back(file.string());
    for (ScanEntry& scan : list_scans(config.list)) {
      choose_mask(scan, config.processing.mask, config.list);
      if (scan.sidecar.empty()) scan.sidecar = sidecar_beside(config.list.input, scan.file);
      for (const auto text : kTexts) texts.push_back(scan.*text);
      texts.emplace_back(scan.is_scan() ? "" : "overlooked");
      texts.push_back(std::to_string(static_cast<std::size_t>(scan.cause)));
    }
  });
  comm::broadcast_texts(comm, texts);
  comm::broadcast_texts(comm, sessions);
  Inventory inventory;
  for (std::size_t i = 0; i < texts.size(); i += kTexts.size() + 2) {
    ScanEntry& scan = inventory.scans.emplace_back();
    for (std::size_t t = 0; t < kTexts.size(); ++t) scan.*kTexts[t] = texts[i + t];
    const auto cause = static_cast<Dropped>(std::stoul(texts[i + kTexts.size() + 1]));
    if (!scan.reason.empty()) scan.reject(cause, scan.reason);
    if (!texts[i + kTexts.size()].empty()) scan.status = ScanEntry::Status::kOverlooked;
  }
  comm::run_agreed(comm, [&] {
    mark_unlisted(inventory, config, sessions, comm.rank() == 0);
    inventory.own = scans_of_shard(config.shard, inventory.scans);
  });
  return inventory;
}
void complete_inventory(Inventory& inventory, const PrepareConfig& config, comm::Communicator& comm,
                        const Progress& progress) {
  const bool whole = config.shard.whole();
  const std::vector<std::uint8_t> deciding = whole ? inventory.own : decides_space(inventory.scans.size());
  std::vector<std::uint8_t> wanted = inventory.own;
  std::ranges::transform(wanted, deciding, wanted.begin(), std::bit_or());
  take(inventory, look(inventory, wanted, config, comm, progress));
  choose_space(inventory, deciding);
  if (inventory.any_usable()) comm::run_agreed(comm, [&] { check_crop(config, inventory.space); });
  if (whole) return;
  keep_only(inventory.scans, inventory.own);
  keep_only(inventory.headers, inventory.own);
  keep_only(inventory.bytes, inventory.own);
}

std::vector<double> frame_motion(const PrepareConfig& config, const ScanEntry& scan) {
  if (config.processing.censor_fd == 0) return {};
  return read_motion(config.list.input / scan.motion).fd;
}

}  // namespace brainmt::prepare
