#include "prepare/stage_series.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <span>

#include "base/error.hpp"
#include "io/byte_source.hpp"
#include "io/lower_case.hpp"
#include "io/printable.hpp"
#include "io/table.hpp"
#include "prepare/frame_plan.hpp"
#include "prepare/inventory.hpp"
#include "prepare/motion.hpp"
#include "prepare/repetition_time.hpp"
#include "prepare/resampler.hpp"

namespace brainmt::prepare {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

void add_note(std::string& note, const std::string& more) {
  if (!more.empty()) note += (note.empty() ? "" : "; ") + more;
}

class SeriesStep {
 public:
  SeriesStep(const PrepareConfig& config, const ScanEntry& scan, const SeriesColumns& columns, StagedSeries& out)
      : config_(config), scan_(scan), columns_(columns), parcels_(columns.parcels), out_(out) {}

  void run() {
    out_.cause = Dropped::kContent;
    const std::filesystem::path path = config_.list.input / scan_.file;
    const SeriesFile file = read_series(path);
    out_.frames = file.frames;
    out_.cause = Dropped::kParcels;
    put_in_order(file);
    out_.cause = Dropped::kTime;
    read_time(file.repetition_time);
    check_repetition_time(out_.repetition_time, config_.processing);
    out_.cause = Dropped::kMotion;
    FramePlan plan = plan_frames(out_.frames, out_.repetition_time, config_.processing, motion());
    leave_out_empty_frames(plan);
    out_.cause = Dropped::kFrames;
    out_.frames = plan.frames;
    out_.repetition_time = plan.repetition_time;
    out_.censored = plan.censored;
    if (plan.frames < config_.min_frames)
      throw DataError(
          fmt::format("has {} frames, at least min_frames={} are asked for", plan.frames, config_.min_frames));
    out_.cause = Dropped::kContent;
    find_missing(plan);
    select(plan);
    out_.coverage = coverage();
    out_.usable = true;
  }

 private:
  void put_in_order(const SeriesFile& file) {
    const std::vector<std::uint32_t> order = order_of(file, columns_);
    values_.resize(file.values.size());
    for (std::size_t t = 0; t < static_cast<std::size_t>(file.frames); ++t)
      for (std::size_t p = 0; p < parcels_; ++p) values_[t * parcels_ + p] = file.values[t * parcels_ + order[p]];
  }

  std::span<const float> frame(std::size_t t) const { return std::span(values_).subspan(t * parcels_, parcels_); }

  void read_time(double of_file) {
    const std::filesystem::path sidecar = scan_.sidecar.empty() ? "" : config_.list.input / scan_.sidecar;
    const RepetitionTime time = repetition_time_of(std::isnan(of_file) ? 0 : of_file, sidecar);
    out_.repetition_time = time.seconds;
    if (time.was_milliseconds)
      out_.oddities |= kTimeInMilliseconds;
    else if (std::isnan(time.seconds))
      out_.oddities |= kTimeUnknown;
    else if (!time.note.empty())
      out_.oddities |= kTimeDisputed;
    add_note(out_.reason, time.note);
  }

  // Framewise displacement; empty where it is not known by frame. Without censor_fd a file that does not fit gives its
  // mean at most: xcp_d lists all frames there, and leaves censored ones out of the series.
  std::vector<double> motion() {
    if (scan_.motion.empty()) return {};
    const std::filesystem::path path = config_.list.input / scan_.motion;
    try {
      Motion motion = read_motion(path);
      out_.mean_fd = motion.mean_fd;
      if (motion.fd.empty() || motion.fd.size() == static_cast<std::size_t>(out_.frames)) return motion.fd;
      throw DataError(
          fmt::format("'{}': has {} values, the table {} frames", path.string(), motion.fd.size(), out_.frames));
    } catch (const DataError& error) {
      if (config_.processing.censor_fd > 0) throw;
      add_note(
          out_.reason,
          fmt::format("{}: {}", std::isnan(out_.mean_fd) ? "its motion is not used" : "only its mean motion is used",
                      error.what()));
      return {};
    }
  }

  void leave_out_empty_frames(FramePlan& plan) const {
    for (std::size_t t = 0; t < static_cast<std::size_t>(plan.input); ++t) {
      if (!std::ranges::all_of(frame(t), [](float x) { return std::isnan(x); })) continue;
      if (plan.dropped.empty()) plan.dropped.resize(static_cast<std::size_t>(plan.input));
      if (plan.dropped[t]) continue;
      plan.dropped[t] = 1;
      ++plan.censored;
      if (plan.step > 0) continue;  // bridged
      if (config_.processing.tr > 0)
        plan.step = 1;
      else
        --plan.frames;
    }
    if (plan.censored == plan.input) throw DataError("has no value in any frame that is used");
  }

  // Parcels without a value in all used frames are missing; one without some is an error.
  void find_missing(const FramePlan& plan) {
    std::size_t used = 0;
    std::vector<std::size_t> without(parcels_, 0);
    for (std::size_t t = 0; t < static_cast<std::size_t>(plan.input); ++t) {
      if (!plan.dropped.empty() && plan.dropped[t]) continue;
      ++used;
      for (std::size_t p = 0; p < parcels_; ++p) without[p] += std::isnan(frame(t)[p]) ? 1 : 0;
    }
    for (std::size_t p = 0; p < parcels_; ++p) {
      out_.missing += without[p] == used ? 1 : 0;
      if (without[p] == 0 || without[p] == used) continue;
      throw DataError(fmt::format(
          "parcel {} has no value in {} of {} frames, expected all or none: write n/a in all of them, or leave these "
          "frames out",
          columns_.names.empty() ? std::to_string(p + 1) : io::printable(columns_.names[p]), without[p], used));
    }
    if (out_.missing > 0) add_note(out_.reason, fmt::format("{} of {} parcels have no value", out_.missing, parcels_));
  }

  void select(const FramePlan& plan) {
    const auto dropped = [&](std::size_t t) { return !plan.dropped.empty() && plan.dropped[t]; };
    const auto input = static_cast<std::size_t>(plan.input);
    if (plan.step == 0) {
      for (std::size_t t = 0; t < input; ++t)
        if (!dropped(t)) out_.values.insert(out_.values.end(), frame(t).begin(), frame(t).end());
      return;
    }
    Resampler resampler(plan.step, plan.frames, parcels_);
    std::vector<float> row(parcels_);
    const auto drain = [&] {
      while (resampler.next(row)) out_.values.insert(out_.values.end(), row.begin(), row.end());
    };
    for (std::size_t t = 0; t < input; ++t) {
      if (dropped(t)) continue;
      resampler.push(static_cast<std::int64_t>(t), frame(t));
      drain();
    }
    resampler.finish();
    drain();
  }

  // xcp_d's table of coverage: a row a parcel, columns Node and coverage.
  std::vector<double> coverage() {
    std::vector<double> share(parcels_, kUnknown);
    if (scan_.coverage.empty() || columns_.names.empty()) return share;
    const std::filesystem::path path = config_.list.input / scan_.coverage;
    try {
      const io::Table table = io::Table::read(path);
      const auto column = [&](std::string_view wanted) {
        const auto found = std::ranges::find_if(
            table.names(), [&](const std::string& name) { return io::lower_case(name) == wanted; });
        if (found == table.names().end()) throw DataError(fmt::format("'{}': no column {}", path.string(), wanted));
        return static_cast<std::size_t>(found - table.names().begin());
      };
      const std::size_t node = column("node"), value = column("coverage");
      std::map<std::string_view, double> known;
      for (std::size_t r = 0; r < table.rows(); ++r) {
        const double x = table.number(r, value).value_or(kUnknown);
        if (x < 0 || x > 1) throw DataError(fmt::format("{}: {} is no share of 0 to 1", table.where(r, value), x));
        known.emplace(table.text(r, node), x);
      }
      for (std::size_t p = 0; p < parcels_; ++p)
        if (const auto found = known.find(columns_.names[p]); found != known.end()) share[p] = found->second;
    } catch (const DataError& error) {
      add_note(out_.reason, fmt::format("its coverage is not used: {}", error.what()));
    }
    return share;
  }

  const PrepareConfig& config_;
  const ScanEntry& scan_;
  const SeriesColumns& columns_;
  const std::size_t parcels_;
  StagedSeries& out_;
  std::vector<float> values_;  // of the file, in the cohort's order
};

}  // namespace

StagedSeries make_series(const PrepareConfig& config, const ScanEntry& scan, const SeriesColumns& columns) {
  StagedSeries series;
  try {
    SeriesStep(config, scan, columns, series).run();
  } catch (const io::UnreadableError&) {
    throw;
  } catch (const DataError& error) {
    series.usable = false;
    series.values.clear();
    series.coverage.clear();
    series.reason = without_path(error.what(), config.list.input / scan.file);
  }
  return series;
}

}  // namespace brainmt::prepare
