#include "prepare/prepare.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <vector>

#include "base/error.hpp"
#include "base/fault.hpp"
#include "base/log.hpp"
#include "comm/agreement.hpp"
#include "comm/gather.hpp"
#include "comm/mpi_communicator.hpp"
#include "comm/work_queue.hpp"
#include "io/cohort_writer.hpp"
#include "io/printable.hpp"
#include "parcels/image_parcels.hpp"
#include "parcels/parcel_cohort.hpp"
#include "prepare/inventory.hpp"
#include "prepare/prepare_series.hpp"
#include "prepare/report.hpp"
#include "prepare/stage_scan.hpp"
#include "prepare/staging.hpp"
#include "prepare/steps.hpp"

namespace brainmt::prepare {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

class Preparation {
 public:
  Preparation(const PrepareConfig& config, MPI_Comm comm, const Progress& progress)
      : config_(config), comm_(comm), progress_(progress) {}

  PrepareSummary run() {
    summary_.output = shard_path(config_.output, config_.shard);
    summary_.report = report_path(summary_.output);
    check_settings(config_, comm_);
    inventory_ = list_inventory(config_, comm_);
    if (is_complete_shard(config_, inventory_, comm_, summary_, shard_mark_)) return summary_;
    staging_.emplace(comm_, summary_.output, summary_.report);
    complete_inventory(inventory_, config_, comm_, progress_);
    stage();
    report();
    copy();
    add_up(summary_.times.wall);
    add_up(summary_.times.cpu);
    add_up({&summary_.times.inflated_bytes, 1});
    return summary_;
  }

 private:
  void add_up(std::span<double> numbers) { comm::all_reduce(comm_, numbers, comm::ReduceOp::kSum); }

  void stage() {
    std::vector<std::size_t> order;
    for (std::size_t s = 0; s < inventory_.scans.size(); ++s) {
      if (inventory_.scans[s].usable()) order.push_back(s);
    }
    std::ranges::stable_sort(order, std::greater(), [&](std::size_t s) { return inventory_.bytes[s]; });
    const auto& crop = config_.processing.crop;
    grid_ = crop ? crop->grid() : inventory_.space.grid();
    mask_.assign(grid_.voxels(), 0);
    comm::run_agreed(comm_, [&] { open_atlas(); });

    constexpr std::size_t kWidth = Outcome::kWidth;
    const std::size_t count = inventory_.scans.size();
    comm::Owned handled(count, 0);
    std::vector<double> numbers(count * kWidth);
    std::vector<std::string> reasons(count);
    std::optional<Spill> spill;
    comm::run_agreed(comm_, [&] { spill.emplace(config_.scratch.empty() ? staging_->directory() : config_.scratch); });
    {
      comm::WorkQueue queue(comm_.handle(), order.size());
      comm::run_agreed(comm_, [&] {
        for_queue(queue, Stage::kScans, order.size(), progress_, [&](std::size_t task) {
          const std::size_t s = order[task];
          const double start = now();
          handled[s] = 1;
          try {
            const Outcome outcome = stage_one(s, *spill, queue, reasons[s]);
            std::ranges::copy(outcome.row(), numbers.begin() + static_cast<std::ptrdiff_t>(kWidth * s));
          } catch (const DataError& error) {
            reasons[s] = error.what();
          }
          reasons[s] = without_path(reasons[s], path_of(s));
          numbers[kWidth * s] = now() - start;
          fault::at("prepare.staged", comm_.rank(), ++staged_);
        });
      });
    }
    comm::merge_rows(comm_, handled, kWidth, numbers);
    comm::merge_rows(comm_, handled, reasons);
    comm::all_reduce(comm_, std::span(mask_), comm::ReduceOp::kMax);
    for (const std::size_t s : order) {
      const double* row = numbers.data() + kWidth * s;
      inventory_.scans[s].seconds = row[0];
      summary_.reused += row[1] > 0 ? 1 : 0;
      take(inventory_.scans[s], Outcome::of(row));
      if (reasons[s].empty()) continue;
      const bool by_quality = refuses(inventory_.scans[s].quality);
      inventory_.scans[s].reject(by_quality ? Dropped::kQuality : Dropped::kContent, reasons[s]);
    }
    for (std::size_t v = 0; v < mask_.size(); ++v) {
      if (mask_[v]) voxels_.push_back(static_cast<std::uint32_t>(v));
    }
  }

  std::array<double, 16> affine() const {
    const std::array<double, 16> whole = inventory_.space.affine();
    return config_.processing.crop ? config_.processing.crop->affine(whole) : whole;
  }

  // The atlas on the common grid, where parcels are stored.
  void open_atlas() {
    if (!config_.atlas) return;
    const parcels::Grid grid{{grid_.x, grid_.y, grid_.z}, affine()};
    const auto first = std::ranges::find_if(inventory_.scans, [](const ScanEntry& scan) { return scan.usable(); });
    const std::string name = first == inventory_.scans.end() ? std::string() : first->file;
    atlas_ = parcels::open_atlas(*config_.atlas, parcels::space_of_data(name, grid));
    atlas_->parcels.min_coverage = config_.min_coverage;
    parcels_ = parcels::regrid(*atlas_, grid);
    atlas_identity_ = fmt::format(" parcels {}", atlas_->parcels.atlas_sha256);
    if (comm_.rank() != 0) return;
    for (const std::string& note : atlas_->notes) log::info("{}", note);
    for (const std::string& warning : atlas_->warnings) log::warn("{}", warning);
    log::info("{}", parcels::describe(*parcels_, *atlas_));
  }

  std::filesystem::path path_of(std::size_t s) const { return config_.list.input / inventory_.scans[s].file; }

  // Result of staging a scan, as numbers for the exchange between ranks; the first is left for the seconds.
  struct Outcome {
    static constexpr std::size_t kWidth = 8;
    bool reused = false;
    io::ScanQuality quality;
    std::uint64_t nan_voxels = 0;
    double inside = 0;  // share of the grid's voxels that are non-zero in any frame

    std::array<double, kWidth> row() const {
      const io::ScanQuality& q = quality;
      return {0,
              reused ? 1.0 : 0.0,
              static_cast<double>(q.spikes),
              static_cast<double>(q.empty_frames),
              static_cast<double>(q.frozen_frames),
              static_cast<double>(q.dead_slices),
              static_cast<double>(nan_voxels),
              inside};
    }
    static Outcome of(const double* row) {
      const auto count = [&](std::size_t i) { return static_cast<std::uint32_t>(row[i]); };
      return {row[1] > 0, {count(2), count(3), count(4), count(5)}, static_cast<std::uint64_t>(row[6]), row[7]};
    }
  };

  bool refuses(const io::ScanQuality& quality) const {
    return config_.quality == QualityPolicy::kStrict && !quality_text(quality).empty();
  }

  void take(ScanEntry& scan, const Outcome& outcome) const {
    // A ball that touches the six faces of a grid fills 52 % of it.
    constexpr double kMaxBrainShare = 0.6;
    const io::ScanQuality& q = scan.quality = outcome.quality;
    scan.nan_voxels = outcome.nan_voxels;
    if (outcome.nan_voxels > 0) scan.oddities |= kNanBackground;
    if (scan.mask.empty() && outcome.inside > kMaxBrainShare) {
      scan.oddities |= kUnmasked;
      scan.remark(fmt::format("no brain mask, and {:.0f} % of its voxels are not zero", 100 * outcome.inside));
    }
    if (config_.quality == QualityPolicy::kOff) return;
    scan.remark(quality_text(q));
    scan.oddities |= (q.spikes > 0 ? kSpikes : 0u) | (q.empty_frames > 0 ? kEmptyFrames : 0u) |
                     (q.frozen_frames > 0 ? kFrozenFrames : 0u) | (q.dead_slices > 0 ? kDeadSlices : 0u);
  }

  // Stages scan s unless it is staged already; `reason`: why it cannot be used.
  Outcome stage_one(std::size_t s, Spill& spill, const comm::WorkQueue& queue, std::string& reason) {
    const ScanEntry& scan = inventory_.scans[s];
    const std::filesystem::path path = path_of(s);
    const FileStamp stamp = stamp_of(path);
    const bool censors = config_.processing.censor_fd > 0;
    const std::string identity =
        scan_identity(scan.file, stamp, censors ? config_.list.input / scan.motion : std::filesystem::path(),
                      mask_of(scan), config_.processing.identity() + source_time(scan) + atlas_identity_);
    const auto known = staging_->find(scan.file, identity);
    const bool reused = known && (!known->header().reason.empty() || fits(known->header(), scan));
    const StagedHeader header = reused ? known->header() : make_staged(s, identity, spill, queue);
    if (stamp_of(path) != stamp) throw DataError("changed while it was read");
    reason = header.reason;
    const double inside =
        header.mask.empty() ? 0.0 : static_cast<double>(header.voxels()) / static_cast<double>(header.mask.size());
    const Outcome outcome{reused, header.quality, header.nan_voxels, inside};
    if (reason.empty() && refuses(header.quality)) reason = quality_text(header.quality) + " (qc=strict)";
    if (!reason.empty()) return outcome;
    for (std::size_t v = 0; v < header.mask.size(); ++v) mask_[v] |= header.mask[v];
    return outcome;
  }

  std::filesystem::path mask_of(const ScanEntry& scan) const {
    return scan.mask.empty() ? std::filesystem::path() : config_.list.input / scan.mask;
  }

  // A sidecar decides how a scan is resampled.
  std::string source_time(const ScanEntry& scan) const {
    return config_.processing.tr > 0 ? fmt::format(" from {} s", scan.file_time) : std::string();
  }

  bool fits(const StagedHeader& header, const ScanEntry& scan) const {
    return header.grid == grid_ && header.frames == static_cast<std::uint64_t>(scan.frames);
  }

  // A scan that turns out bad is staged as such, unless the system is to blame and another attempt may succeed.
  StagedHeader make_staged(std::size_t s, const std::string& identity, Spill& spill, const comm::WorkQueue& queue) {
    const ScanEntry& scan = inventory_.scans[s];
    ScanTask task{.path = path_of(s),
                  .target = staging_->file_of(scan.file),
                  .identity = identity,
                  .header = inventory_.headers[s],
                  .plan = {},
                  .mask = mask_of(scan),
                  .parcels = parcels_ ? &*parcels_ : nullptr};
    try {
      const HeaderRow& row = task.header;
      task.plan = plan_frames(row.frames(), scan.file_time, config_.processing, frame_motion(config_, scan));
      return stage_scan(task, config_.processing, spill, summary_.times, [&] { queue.poke(); });
    } catch (const io::UnreadableError&) {
      throw;
    } catch (const DataError& error) {
      const StagedHeader verdict{.identity = identity,
                                 .reason = without_path(error.what(), task.path),
                                 .grid = grid_,
                                 .quality = {},
                                 .statistics = {},
                                 .mask = {}};
      StagedWriter(task.target, verdict).commit();
      return verdict;
    }
  }

  void report() {
    count_scans(summary_, inventory_.scans);
    summary_.voxels = voxels_.size();
    if (inventory_.phenotypes) summary_.without_scan = inventory_.phenotypes->without_scan();
    report_scans(config_, inventory_, comm_, summary_);
  }

  io::CohortLayout describe() {
    io::CohortLayout layout;
    layout.grid = grid_;
    layout.affine = affine();
    layout.normalization = name_of(config_.processing.normalize);
    layout.voxels = voxels_;
    layout.provenance = config_.provenance + shard_mark_;
    layout.layout = config_.list.layout_name();
    layout.processing = config_.processing.json();
    for (std::size_t s = 0; s < inventory_.scans.size(); ++s) {
      const ScanEntry& scan = inventory_.scans[s];
      if (!scan.usable()) continue;
      used_.push_back(s);
      layout.scans.push_back({.participant_id = scan.participant_id,
                              .source = scan.file,
                              .frames = static_cast<std::uint64_t>(scan.frames),
                              .repetition_time = scan.repetition_time,
                              .run = scan.run,
                              .mean_fd = scan.mean_fd,
                              .quality = scan.quality});
    }
    std::vector<ScanEntry> used;
    for (const std::size_t s : used_) used.push_back(inventory_.scans[s]);
    if (inventory_.phenotypes) layout.phenotypes = inventory_.phenotypes->columns(used);
    summary_.grid = grid_;
    summary_.voxel_mm3 = voxel_volume(layout.affine);
    summary_.space = space_in_words(grid_, layout.affine);
    summary_.normalization = config_.processing.in_words();
    if (!atlas_) return layout;
    // As 'brainmt parcellate' says it of the same voxels.
    const nlohmann::ordered_json options{{"stat", "mean"},
                                         {"min_coverage", config_.min_coverage},
                                         {"units", "normalized"},
                                         {"resampled", parcels_->resampled}};
    return parcels::parcel_layout(layout, atlas_->parcels, options.dump());
  }

  void copy() {
    const io::CohortLayout layout = describe();
    if (atlas_) missing_.emplace(atlas_->parcels.size());
    io::CohortWriter writer(comm_.handle(), summary_.output, layout);
    comm::WorkQueue queue(comm_.handle(), used_.size());
    Stopwatch watch(summary_.times);
    watch.start(Work::kCopy);
    std::exception_ptr failure;
    try {
      std::int64_t copied = 0;
      for_queue(queue, Stage::kCopy, used_.size(), progress_, [&](std::size_t index) {
        copy_one(writer, index, queue);
        fault::at("prepare.copy", comm_.rank(), ++copied);
      });
      fault::at("prepare.commit", comm_.rank(), 0);
    } catch (...) {
      failure = std::current_exception();
    }
    watch.start(Work::kCommit);
    if (missing_) check_missing(failure);
    writer.commit(failure);
    watch.stop();
    comm::run_agreed(comm_, [&] {
      fault::at("prepare.commit", comm_.rank(), 1);
      if (comm_.rank() == 0) staging_->remove();
    });
  }

  // Collective; nothing is counted where a rank has failed.
  void check_missing(std::exception_ptr& failure) {
    if (comm::all_reduce_value(comm_, failure ? 1.0 : 0.0, comm::ReduceOp::kMax) > 0) return;
    missing_->reduce(comm_);
    try {
      missing_->check(atlas_->parcels, config_.max_missing);
    } catch (...) {
      failure = std::current_exception();
    }
    const std::string text = missing_->describe(atlas_->parcels);
    if (comm_.rank() == 0 && !text.empty()) log::warn("{}", text);
  }

  void copy_parcels(const StagedScan& staged, io::CohortWriter& writer, std::size_t index) {
    parcels::ScanParcels scan = staged_parcels(staged);
    parcels::drop_uncovered(scan, config_.min_coverage);
    writer.write_series(index, 0, scan.series);
    writer.set_parcel_coverage(index, scan.voxels, scan.coverage);
    writer.set_scan_statistics(index, staged.header().statistics);
    missing_->add(scan, config_.min_coverage);
  }

  void copy_one(io::CohortWriter& writer, std::size_t index, const comm::WorkQueue& queue) {
    const std::filesystem::path staged = staging_->file_of(inventory_.scans[used_[index]].file);
    try {
      if (missing_)
        copy_parcels(StagedScan(staged), writer, index);
      else
        copy_scan(StagedScan(staged), voxels_, writer, index, [&] { queue.poke(); });
    } catch (const DataError&) {  // damaged since it was made: the rest is unusable
      std::error_code ignored;
      std::filesystem::remove(staged, ignored);
      throw;
    }
  }

  const PrepareConfig& config_;
  comm::MpiCommunicator comm_;
  const Progress& progress_;
  PrepareSummary summary_;
  Inventory inventory_;
  std::string shard_mark_;  // appended to the provenance of a shard
  std::optional<Staging> staging_;
  std::int64_t staged_ = 0;                      // scans by this rank
  io::CohortGrid grid_;                          // of the store
  std::vector<std::uint8_t> mask_;               // [Y, X, Z]
  std::vector<std::uint32_t> voxels_;            // in it
  std::optional<parcels::Atlas> atlas_;          // none: voxels are stored
  std::optional<parcels::GridParcels> parcels_;  // of it
  std::string atlas_identity_;                   // part of a staged scan's
  std::optional<parcels::MissingParcels> missing_;
  std::vector<std::size_t> used_;  // by scan of the store: which scan of the inventory it is
};

}  // namespace

PrepareConfig PrepareConfig::from_config(const config::Config& config) {
  return {.list = ListSettings::from_config(config),
          .output = config.get<std::string>("output"),
          .phenotypes = config.get<std::string>("phenotypes"),
          .table_settings = PhenotypeSettings::from_config(config),
          .processing = Processing::from_config(config),
          .min_frames = config.get<int>("min_frames"),
          .max_bad = config.get<double>("max_bad"),
          .quality = parse_quality(config.get<std::string>("qc")),
          .scratch = config.get<std::string>("scratch"),
          .atlas = config.get<std::string>("parcellate").empty()
                       ? std::nullopt
                       : std::optional(parcels::AtlasSettings::from_config(config, "parcellate")),
          .min_coverage = config.get<double>("parcellate.min_coverage"),
          .max_missing = config.get<double>("parcellate.max_missing"),
          .labels = config.get<std::string>("atlas.labels"),
          .shard = parse_shard(config.get<std::string>("shard")),
          .provenance = {}};
}

PrepareSummary prepare(const PrepareConfig& config, MPI_Comm comm, const Progress& progress) {
  if (config.list.reads_tables()) return prepare_series(config, comm, progress);
  return Preparation(config, comm, progress).run();
}

}  // namespace brainmt::prepare
