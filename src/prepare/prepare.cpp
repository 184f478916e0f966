#include "prepare/prepare.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "base/error.hpp"
#include "io/agreement.hpp"
#include "io/cohort_writer.hpp"
#include "io/nifti.hpp"
#include "io/printable.hpp"
#include "prepare/exchange.hpp"
#include "prepare/phenotypes.hpp"
#include "prepare/report.hpp"
#include "prepare/scan_list.hpp"
#include "prepare/space.hpp"
#include "prepare/survey.hpp"

namespace brainmt::prepare {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{8} << 20;  // of float16 that are written at once

// The report names the file in a column of its own.
std::string without_path(std::string message, const std::filesystem::path& path) {
  const std::string prefix = fmt::format("'{}': ", path.string());
  if (message.starts_with(prefix)) message.erase(0, prefix.size());
  return message;
}

class Preparation {
 public:
  Preparation(const PrepareConfig& config, MPI_Comm comm, const Progress& progress)
      : config_(config), share_(comm), progress_(progress) {}

  PrepareSummary run() {
    check_settings();
    list();
    read_phenotypes();
    read_headers();
    choose_space();
    survey();
    report();
    write();
    return summary_;
  }

 private:
  std::filesystem::path path_of(const ScanEntry& scan) const { return config_.input / scan.file; }

  // Refuses at once what would otherwise fail after every scan was read.
  void check_settings() const {
    io::collectively(share_.comm, [&] {
      if (!(config_.max_bad >= 0 && config_.max_bad <= 1)) {
        throw UsageError(fmt::format("max_bad is {}, expected 0 to 1", config_.max_bad));
      }
      std::error_code missing;
      const auto parent = config_.output.has_parent_path() ? config_.output.parent_path() : ".";
      if (share_.rank == 0 && !std::filesystem::is_directory(parent, missing)) {
        throw OutputError(fmt::format("cannot write '{}': '{}' is no directory; create it first",
                                      config_.output.string(), parent.string()));
      }
    });
  }

  // Rank 0 looks, so that all ranks share the same list even on a file system that shows them different ones.
  void list() {
    std::vector<std::string> texts;
    io::collectively(share_.comm, [&] {
      if (share_.rank != 0) return;
      for (const ScanEntry& scan : list_scans(config_.input, config_.pattern)) {
        texts.insert(texts.end(), {scan.participant_id, scan.file, scan.reason});
      }
    });
    broadcast_texts(share_, texts);
    for (std::size_t i = 0; i < texts.size(); i += 3) {
      ScanEntry& scan = scans_.emplace_back();
      scan.participant_id = texts[i];
      scan.file = texts[i + 1];
      if (!texts[i + 2].empty()) scan.reject(texts[i + 2]);
    }
    headers_.resize(scans_.size());
  }

  void read_phenotypes() {
    io::collectively(share_.comm, [&] {
      auto path = config_.phenotypes;
      std::error_code missing;
      if (path.empty()) {
        path = config_.input / "phenotypes.csv";
        if (!std::filesystem::exists(path, missing)) return;
      }
      phenotypes_.emplace(path, config_.id_column);
      for (ScanEntry& scan : scans_) {
        if (!scan.usable() || phenotypes_->contains(scan.participant_id)) continue;
        scan.status = ScanEntry::Status::kUnlisted;
        scan.reason = fmt::format("'{}' has no row with {}={}", path.string(), config_.id_column, scan.participant_id);
      }
    });
  }

  std::vector<std::size_t> usable_share() const {
    std::vector<std::size_t> mine;
    for (std::size_t s = 0; s < scans_.size(); ++s) {
      if (share_.owns(s) && scans_[s].usable()) mine.push_back(s);
    }
    return mine;
  }

  // Runs `step(scan index)` for every usable scan of this rank; a DataError makes the scan bad, anything else ends the
  // command on all ranks. Afterwards every rank knows which scans are bad and why.
  template <class Step>
  void for_share(Stage stage, Step&& step) {
    std::vector<std::string> reasons(scans_.size());
    io::collectively(share_.comm, [&] {
      const std::vector<std::size_t> mine = usable_share();
      for (std::size_t done = 0; done < mine.size(); ++done) {
        try {
          step(mine[done]);
        } catch (const DataError& error) {
          reasons[mine[done]] = without_path(error.what(), path_of(scans_[mine[done]]));
        }
        if (progress_) progress_(stage, done + 1, mine.size());
      }
    });
    share_texts(share_, reasons);
    for (std::size_t s = 0; s < scans_.size(); ++s) {
      if (!reasons[s].empty()) scans_[s].reject(reasons[s]);
    }
  }

  void read_headers() {
    std::vector<double> numbers(scans_.size() * HeaderRow::kWidth);
    for_share(Stage::kHeaders, [&](std::size_t s) {
      const io::NiftiHeader header = io::read_nifti_header(path_of(scans_[s]));
      const HeaderRow row = HeaderRow::of(header);
      std::ranges::copy(row.numbers, numbers.begin() + static_cast<std::ptrdiff_t>(s * HeaderRow::kWidth));
      if (header.dimensions < 4)
        throw DataError(fmt::format("has {} dimensions, expected a scan of 4", header.dimensions));
      if (header.frames() < config_.min_frames) {
        throw DataError(
            fmt::format("has {} frames, at least min_frames={} are asked for", header.frames(), config_.min_frames));
      }
    });
    share_numbers(share_, HeaderRow::kWidth, numbers);
    for (std::size_t s = 0; s < scans_.size(); ++s) {
      std::copy_n(numbers.begin() + static_cast<std::ptrdiff_t>(s * HeaderRow::kWidth), HeaderRow::kWidth,
                  headers_[s].numbers.begin());
      scans_[s].frames = headers_[s].frames();
      scans_[s].repetition_time = headers_[s].repetition_time();
    }
  }

  // Scans in another space than most cannot go into one store.
  void choose_space() {
    std::vector<HeaderRow> usable;
    for (std::size_t s = 0; s < scans_.size(); ++s) {
      if (scans_[s].usable()) usable.push_back(headers_[s]);
    }
    if (usable.empty()) return;  // report() ends the command
    space_ = most_common_space(usable);
    const io::CohortGrid expected = space_.grid();
    for (std::size_t s = 0; s < scans_.size(); ++s) {
      if (!scans_[s].usable() || space_.same_space(headers_[s])) continue;
      const io::CohortGrid found = headers_[s].grid();
      scans_[s].reject(found == expected ? "its affine differs from that of most scans; bring it into the same space"
                                         : fmt::format("has a grid of {}x{}x{}, most scans have {}x{}x{}; resample it",
                                                       found.x, found.y, found.z, expected.x, expected.y, expected.z));
    }
  }

  void survey() {
    constexpr std::size_t kWidth = 5;
    std::vector<std::uint8_t> mask, united(space_.grid().voxels(), 0);
    std::vector<double> numbers(scans_.size() * kWidth);
    for_share(Stage::kSurvey, [&](std::size_t s) {
      io::NiftiReader scan(path_of(scans_[s]));
      require_unchanged(scan, s);
      const ScanValues v = survey_scan(scan, mask);
      Normalizer(config_.normalize, v);  // refuses values that cannot be stored
      for (std::size_t i = 0; i < mask.size(); ++i) united[i] |= mask[i];
      const std::array row{v.count, v.mean, v.std, v.smallest, v.largest};
      std::ranges::copy(row, numbers.begin() + static_cast<std::ptrdiff_t>(s * kWidth));
    });
    share_numbers(share_, kWidth, numbers);
    unite(share_, united);
    for (std::size_t s = 0; s < scans_.size(); ++s) {
      const double* row = numbers.data() + s * kWidth;
      values_.push_back({row[0], row[1], row[2], row[3], row[4]});
    }
    mask_ = index_mask(space_.grid(), united);
  }

  void require_unchanged(const io::NiftiReader& scan, std::size_t s) const {
    if (HeaderRow::of(scan.header()) != headers_[s]) {
      throw DataError(fmt::format("'{}' changed while it was read", path_of(scans_[s]).string()));
    }
  }

  void report() {
    for (const ScanEntry& scan : scans_) {
      summary_.used += scan.usable() ? 1 : 0;
      summary_.bad += scan.status == ScanEntry::Status::kBad ? 1 : 0;
      summary_.unlisted += scan.status == ScanEntry::Status::kUnlisted ? 1 : 0;
      summary_.frames += scan.usable() ? static_cast<std::size_t>(scan.frames) : 0;
    }
    summary_.voxels = mask_.places.size();
    summary_.report = report_path(config_.output);
    io::collectively(share_.comm, [&] {
      if (share_.rank == 0) write_report(summary_.report, scans_);
      const std::size_t judged = summary_.used + summary_.bad;
      const bool too_many = static_cast<double>(summary_.bad) > config_.max_bad * static_cast<double>(judged);
      if (summary_.used > 0 && !too_many) return;
      const auto first = std::ranges::find_if(scans_, [](const ScanEntry& scan) { return !scan.reason.empty(); });
      throw DataError(
          fmt::format("{} of {} scans in '{}' are bad, {} have no phenotypes, max_bad={} is allowed; see '{}'; "
                      "the first: {}: {}",
                      summary_.bad, scans_.size(), config_.input.string(), summary_.unlisted, config_.max_bad,
                      summary_.report.string(), io::printable(first->file), first->reason));
    });
  }

  void describe() {
    layout_.grid = space_.grid();
    layout_.affine = space_.affine();
    constexpr std::array kWords{"zscore", "minmax", "none"};
    layout_.normalization = kWords[static_cast<std::size_t>(config_.normalize)];
    layout_.voxels = mask_.stored;
    layout_.provenance = config_.provenance;
    for (const ScanEntry& scan : scans_) {
      store_index_.push_back(layout_.scans.size());
      if (!scan.usable()) continue;
      layout_.scans.push_back(
          {scan.participant_id, scan.file, static_cast<std::uint64_t>(scan.frames), scan.repetition_time});
    }
    if (phenotypes_) layout_.phenotypes = phenotypes_->columns(layout_.scans);
  }

  void write() {
    describe();
    io::CohortWriter writer(share_.comm, config_.output, layout_);
    std::exception_ptr failure;
    try {
      const std::vector<std::size_t> mine = usable_share();
      for (std::size_t done = 0; done < mine.size(); ++done) {
        write_scan(writer, mine[done]);
        if (progress_) progress_(Stage::kWrite, done + 1, mine.size());
      }
    } catch (...) {
      failure = std::current_exception();
    }
    writer.commit(failure);
  }

  void write_scan(io::CohortWriter& writer, std::size_t s) const {
    io::NiftiReader scan(path_of(scans_[s]));
    require_unchanged(scan, s);
    Normalizer normalise(config_.normalize, values_[s]);
    const std::size_t voxels = mask_.places.size();
    const auto frames = static_cast<std::size_t>(scans_[s].frames);
    const std::size_t most = std::clamp<std::size_t>(kBlockBytes / (voxels * sizeof(std::uint16_t)), 1, frames);
    std::vector<float> frame(scan.header().frame_voxels());
    std::vector<std::uint16_t> block(most * voxels);
    for (std::size_t first = 0; first < frames; first += most) {
      const std::size_t count = std::min(most, frames - first);
      for (std::size_t f = 0; f < count; ++f) {
        scan.next_frame(frame);
        normalise(frame, mask_.places, std::span(block).subspan(f * voxels, voxels));
      }
      writer.write_frames(store_index_[s], first, std::span(block).first(count * voxels));
    }
    writer.set_scan_statistics(store_index_[s], normalise.statistics());
  }

  const PrepareConfig& config_;
  Share share_;
  const Progress& progress_;
  std::vector<ScanEntry> scans_;
  std::optional<Phenotypes> phenotypes_;
  std::vector<HeaderRow> headers_;  // by scan
  HeaderRow space_;                 // of the cohort: its grid and affine count
  std::vector<ScanValues> values_;  // by scan
  MaskIndex mask_;
  io::CohortLayout layout_;
  std::vector<std::size_t> store_index_;  // by scan: its index in the store, if it is used
  PrepareSummary summary_;
};

}  // namespace

Normalize parse_normalize(std::string_view word) {
  if (word == "zscore") return Normalize::kZscore;
  if (word == "minmax") return Normalize::kMinmax;
  if (word == "none") return Normalize::kNone;
  throw UsageError(fmt::format("normalize is '{}', expected zscore, minmax or none", word));
}

PrepareSummary prepare(const PrepareConfig& config, MPI_Comm comm, const Progress& progress) {
  return Preparation(config, comm, progress).run();
}

}  // namespace brainmt::prepare
