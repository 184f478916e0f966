#include "prepare/prepare_series.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.hpp"
#include "base/fault.hpp"
#include "base/log.hpp"
#include "comm/agreement.hpp"
#include "comm/gather.hpp"
#include "comm/mpi_communicator.hpp"
#include "io/bids_name.hpp"
#include "io/byte_source.hpp"
#include "io/checksum.hpp"
#include "io/cohort_writer.hpp"
#include "io/printable.hpp"
#include "prepare/inventory.hpp"
#include "prepare/report.hpp"
#include "prepare/series_columns.hpp"
#include "prepare/stage_series.hpp"
#include "prepare/staging.hpp"
#include "prepare/steps.hpp"

namespace brainmt::prepare {
namespace {

class SeriesPreparation {
 public:
  SeriesPreparation(const PrepareConfig& config, MPI_Comm comm, const Progress& progress)
      : config_(config), comm_(comm), progress_(progress) {}

  PrepareSummary run() {
    summary_.output = shard_path(config_.output, config_.shard);
    summary_.report = report_path(summary_.output);
    check_settings(config_, comm_);
    inventory_ = list_inventory(config_, comm_);
    if (is_complete_shard(config_, inventory_, comm_, summary_, shard_mark_)) return summary_;
    staging_.emplace(comm_, summary_.output, summary_.report);
    choose_columns();
    keep_own();
    stage();
    count_scans(summary_, inventory_.scans);
    if (inventory_.phenotypes) summary_.without_scan = inventory_.phenotypes->without_scan();
    report_scans(config_, inventory_, comm_, summary_);
    copy();
    return summary_;
  }

 private:
  // Of the same tables in every job of a cohort in shards.
  void choose_columns() {
    const std::vector<ScanEntry>& scans = inventory_.scans;
    const std::vector<std::uint8_t> deciding = decides_space(scans.size());
    std::vector<std::size_t> voters;
    for (std::size_t s = 0; s < scans.size(); ++s)
      if (deciding[s] && scans[s].usable()) voters.push_back(s);
    if (voters.empty())
      for (std::size_t s = 0; s < scans.size(); ++s)
        if (scans[s].usable()) voters.push_back(s);
    std::vector<std::string> texts(voters.size()), files;
    for (const std::size_t s : voters) files.push_back(scans[s].file);
    comm::Owned handled(voters.size(), 0);
    comm::run_agreed(comm_, [&] {
      const auto ranks = static_cast<std::size_t>(comm_.size()), rank = static_cast<std::size_t>(comm_.rank());
      for (std::size_t v = rank; v < voters.size(); v += ranks) {
        handled[v] = 1;
        try {
          texts[v] = text_of(read_series_columns(config_.list.input / files[v]));
        } catch (const DataError&) {  // its own turn will say why
        }
        if (progress_) progress_(Stage::kHeaders, v + 1, voters.size());
      }
    });
    comm::merge_rows(comm_, handled, texts);
    comm::run_agreed(comm_, [&] {
      columns_ = most_common_columns(texts, files);
      if (columns_.parcels == 0) return;  // every table is bad, and each says why
      parcels_ = describe_parcels(columns_, config_.labels);
      name_atlas();
    });
  }

  // Atlas and space by the name of a table, where it follows BIDS.
  void name_atlas() {
    const auto name = io::parse_bids_name(std::filesystem::path(columns_.example).filename().string());
    if (!name) return;
    const std::string_view atlas = name->value("atlas").empty() ? name->value("seg") : name->value("atlas");
    if (!atlas.empty()) parcels_.atlas = atlas;
    parcels_.space = name->value("space");
  }

  void keep_own() {
    if (config_.shard.whole()) return;
    inventory_.scans = inventory_.own_scans();
  }

  void stage() {
    std::vector<std::size_t> order;
    for (std::size_t s = 0; s < inventory_.scans.size(); ++s)
      if (inventory_.scans[s].usable()) order.push_back(s);
    const std::size_t count = inventory_.scans.size();
    comm::Owned handled(count, 0);
    std::vector<double> numbers(count * kFacts);
    std::vector<std::string> reasons(count);
    {
      comm::WorkQueue queue(comm_.handle(), order.size());
      Stopwatch watch(summary_.times);
      watch.start(Work::kRead);
      comm::run_agreed(comm_, [&] {
        for_queue(queue, Stage::kScans, order.size(), progress_, [&](std::size_t task) {
          const std::size_t s = order[task];
          handled[s] = 1;
          const StagedSeries series = stage_one(inventory_.scans[s], numbers[s * kFacts]);
          reasons[s] = series.reason;
          put_facts(series, numbers.data() + s * kFacts);
          queue.poke();
          fault::at("prepare.staged", comm_.rank(), ++staged_);
        });
      });
    }
    comm::merge_rows(comm_, handled, kFacts, numbers);
    comm::merge_rows(comm_, handled, reasons);
    for (const std::size_t s : order) take(inventory_.scans[s], numbers.data() + s * kFacts, reasons[s]);
  }

  // What is known of a staged scan, as numbers for the exchange between ranks.
  static constexpr std::size_t kFacts = 9;
  static void put_facts(const StagedSeries& series, double* row) {  // row[0]: was it staged before
    row[1] = series.usable ? 1 : 0;
    row[2] = static_cast<double>(series.cause);
    row[3] = static_cast<double>(series.frames);
    row[4] = static_cast<double>(series.censored);
    row[5] = series.repetition_time;
    row[6] = series.mean_fd;
    row[7] = static_cast<double>(series.oddities);
    row[8] = static_cast<double>(series.missing);
  }

  void take(ScanEntry& scan, const double* row, const std::string& reason) {
    scan.frames = static_cast<std::int64_t>(row[3]);
    scan.censored = static_cast<std::int64_t>(row[4]);
    scan.repetition_time = row[5];
    scan.mean_fd = row[6];
    scan.oddities = static_cast<unsigned>(row[7]);
    scan.reason = reason;
    summary_.reused += row[0] > 0 ? 1 : 0;
    summary_.missing_parcels += static_cast<std::size_t>(row[8]);
    if (row[1] == 0) scan.reject(static_cast<Dropped>(static_cast<std::size_t>(row[2])), reason);
  }

  StagedSeries stage_one(const ScanEntry& scan, double& reused) {
    const std::filesystem::path path = config_.list.input / scan.file;
    const std::string identity = identity_of(scan);
    const std::filesystem::path staged = staging_->file_of(scan.file);
    if (auto found = find_staged(staged, identity)) {
      reused = 1;
      return std::move(*found);
    }
    const FileStamp stamp = stamp_of(path);
    StagedSeries series = make_series(config_, scan, columns_);
    if (stamp_of(path) != stamp) throw DataError(fmt::format("'{}' changed while it was read", path.string()));
    series.identity = identity;
    write_staged(staged, series);
    return series;
  }

  std::string identity_of(const ScanEntry& scan) const {
    std::string options = config_.processing.identity() + fmt::format(" min_frames={}", config_.min_frames);
    for (const std::string& name : columns_.names) options += "\n" + name;
    for (const std::string& file : {scan.sidecar, scan.coverage}) {
      std::error_code missing;
      if (file.empty() || !std::filesystem::exists(config_.list.input / file, missing)) continue;
      const FileStamp stamp = stamp_of(config_.list.input / file);
      options += fmt::format("\n{} {} {} {}", file, stamp.size, stamp.seconds, stamp.nanoseconds);
    }
    const auto motion = scan.motion.empty() ? std::filesystem::path() : config_.list.input / scan.motion;
    return scan_identity(scan.file, stamp_of(config_.list.input / scan.file), motion, {}, options);
  }

  io::CohortLayout describe() {
    io::CohortLayout layout;
    layout.normalization = "none";
    layout.provenance = config_.provenance + shard_mark_;
    layout.layout = config_.list.layout_name();
    layout.processing = config_.processing.series_json();
    layout.parcels = parcels_;
    std::vector<ScanEntry> used;
    for (std::size_t s = 0; s < inventory_.scans.size(); ++s) {
      const ScanEntry& scan = inventory_.scans[s];
      if (!scan.usable()) continue;
      used_.push_back(s);
      used.push_back(scan);
      layout.scans.push_back({.participant_id = scan.participant_id,
                              .source = scan.file,
                              .frames = static_cast<std::uint64_t>(scan.frames),
                              .repetition_time = scan.repetition_time,
                              .run = scan.run,
                              .mean_fd = scan.mean_fd});
    }
    if (inventory_.phenotypes) layout.phenotypes = inventory_.phenotypes->columns(used);
    summary_.parcels = parcels_.size();
    summary_.space = fmt::format("series of {} parcels{}{}", parcels_.size(),
                                 parcels_.atlas.empty() ? "" : fmt::format(" of {}", io::printable(parcels_.atlas)),
                                 parcels_.space.empty() ? "" : fmt::format(", {}", io::printable(parcels_.space)));
    summary_.normalization = config_.processing.series_in_words();
    return layout;
  }

  void copy() {
    const io::CohortLayout layout = describe();
    io::CohortWriter writer(comm_.handle(), summary_.output, layout);
    comm::WorkQueue queue(comm_.handle(), used_.size());
    Stopwatch watch(summary_.times);
    watch.start(Work::kCopy);
    std::exception_ptr failure;
    try {
      std::int64_t copied = 0;
      for_queue(queue, Stage::kCopy, used_.size(), progress_, [&](std::size_t index) {
        copy_one(writer, index);
        queue.poke();
        fault::at("prepare.copy", comm_.rank(), ++copied);
      });
      fault::at("prepare.commit", comm_.rank(), 0);
    } catch (...) {
      failure = std::current_exception();
    }
    watch.start(Work::kCommit);
    writer.commit(failure);
    watch.stop();
    comm::run_agreed(comm_, [&] {
      fault::at("prepare.commit", comm_.rank(), 1);
      if (comm_.rank() == 0) staging_->remove();
    });
  }

  void copy_one(io::CohortWriter& writer, std::size_t index) const {
    const ScanEntry& scan = inventory_.scans[used_[index]];
    const std::filesystem::path staged = staging_->file_of(scan.file);
    const auto series = find_staged(staged, identity_of(scan));
    if (!series)
      throw DataError(
          fmt::format("'{}' or its staged copy '{}' changed since it was read: run again", scan.file, staged.string()));
    writer.write_series(index, 0, series->values);
    const std::vector<std::uint32_t> voxels(parcels_.size(), 0);  // not known
    writer.set_parcel_coverage(index, voxels, series->coverage);
    writer.set_scan_statistics(index, statistics_of(series->values));
  }

  // Mean and unbiased deviation of all values.
  static io::ScanStatistics statistics_of(const std::vector<float>& values) {
    double sum = 0, count = 0, squares = 0;
    for (const float x : values) {
      if (std::isnan(x)) continue;
      sum += x;
      ++count;
    }
    const double mean = count > 0 ? sum / count : 0;
    for (const float x : values)
      if (!std::isnan(x)) squares += (x - mean) * (x - mean);
    return {.mean = mean, .std = count > 1 ? std::sqrt(squares / (count - 1)) : 0, .fill = 0};
  }

  const PrepareConfig& config_;
  comm::MpiCommunicator comm_;
  const Progress& progress_;
  PrepareSummary summary_;
  Inventory inventory_;
  std::string shard_mark_;  // appended to the provenance of a shard
  std::optional<Staging> staging_;
  SeriesColumns columns_;
  io::ParcelTable parcels_;
  std::int64_t staged_ = 0;        // scans by this rank
  std::vector<std::size_t> used_;  // by scan of the store: which scan of the inventory it is
};

}  // namespace

PrepareSummary prepare_series(const PrepareConfig& config, MPI_Comm comm, const Progress& progress) {
  return SeriesPreparation(config, comm, progress).run();
}

}  // namespace brainmt::prepare
