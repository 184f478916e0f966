#include "prepare/summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "io/printable.hpp"
#include "prepare/other_format.hpp"
#include "prepare/space.hpp"

namespace brainmt::prepare {
namespace {

constexpr double kMicrolitresOfLitre = 1e6;

std::string plural(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string volume_text(double mm3) {
  return mm3 < 0.1 * kMicrolitresOfLitre ? fmt::format("{:.3g} ml", mm3 / 1000)
                                         : fmt::format("{:.3g} litres", mm3 / kMicrolitresOfLitre);
}

std::string left_out_text(const PrepareSummary& summary) {
  std::string text;
  for (const LeftOut& reason : summary.left_out)
    text += fmt::format("{}{} {} ({})", text.empty() ? "" : "; ", reason.count, reason.reason,
                        io::printable(reason.example));
  return text.empty() ? "nothing" : text;
}

std::string minutes_text(const PrepareSummary& summary) {
  const std::vector<double>& m = summary.minutes;
  if (m.empty()) return "unknown: no scan says its repetition time";
  std::string text = fmt::format("{:.4g} minutes; of a participant {:.3g} (min), {:.3g} (median), {:.3g} (max)",
                                 std::reduce(m.begin(), m.end()), m.front(), m[m.size() / 2], m.back());
  if (summary.without_time > 0)
    text += fmt::format("; {} of unknown repetition time not counted", plural(summary.without_time, "scan"));
  return text;
}

std::string times_of_repetition(const PrepareSummary& summary) {
  constexpr std::size_t kShown = 4;
  const auto& times = summary.repetition_times;
  if (times.size() == 1 && summary.without_time == 0)
    return fmt::format("{:.6g} s in every scan", times.begin()->first);
  std::string text;
  std::size_t shown = 0;
  for (const auto& [seconds, count] : times) {
    if (shown++ == kShown) {
      text += fmt::format(" and {} more", times.size() - kShown);
      break;
    }
    text += fmt::format("{}{:.6g} s in {}", text.empty() ? "" : ", ", seconds, plural(count, "scan"));
  }
  if (summary.without_time > 0)
    text += fmt::format("{}unknown in {}", text.empty() ? "" : ", ", plural(summary.without_time, "scan"));
  return text;
}

double share(std::size_t part, std::size_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

void count_scans(PrepareSummary& summary, const std::vector<ScanEntry>& scans) {
  std::array<LeftOut, kDroppedNames.size()> reasons;
  std::map<std::string, LeftOut> kinds;   // of what is overlooked
  std::map<std::string, double> seconds;  // of signal, by participant
  for (const ScanEntry& scan : scans) {
    if (!scan.is_scan()) {
      LeftOut& kind = kinds[std::string(kind_of(scan.reason))];
      summary.overlooked += kind_of(scan.reason) == kSecondCopy ? 0 : 1;
      if (kind.count++ == 0) kind.example = scan.file;
      continue;
    }
    if (!scan.usable()) {
      ++(scan.status == ScanEntry::Status::kBad ? summary.bad : summary.unlisted);
      LeftOut& reason = reasons[static_cast<std::size_t>(scan.cause)];
      if (reason.count++ == 0) reason.example = scan.file;
      continue;
    }
    ++summary.used;
    summary.frames += static_cast<std::size_t>(scan.frames);
    const bool timed = scan.repetition_time > 0;
    seconds[scan.participant_id] += timed ? static_cast<double>(scan.frames) * scan.repetition_time : 0;
    if (timed)
      ++summary.repetition_times[scan.repetition_time];
    else
      ++summary.without_time;
  }
  for (std::size_t r = 0; r < reasons.size(); ++r) {
    reasons[r].reason = kDroppedNames[r];
    if (reasons[r].count > 0) summary.left_out.push_back(std::move(reasons[r]));
  }
  for (auto& [kind, found] : kinds) {
    found.reason = kind;
    if (const auto same = std::ranges::find(summary.left_out, kind, &LeftOut::reason);
        same != summary.left_out.end()) {  // damaged archives, bad scans or not
      same->count += found.count;
      continue;
    }
    summary.left_out.push_back(std::move(found));
  }
  summary.participants = seconds.size();
  for (const auto& [id, signal] : seconds)
    if (signal > 0) summary.minutes.push_back(signal / 60);
  std::ranges::sort(summary.minutes);
}

double voxel_volume(const std::array<double, 16>& a) {
  return std::abs(a[0] * (a[5] * a[10] - a[6] * a[9]) - a[1] * (a[4] * a[10] - a[6] * a[8]) +
                  a[2] * (a[4] * a[9] - a[5] * a[8]));
}

std::string space_in_words(const io::CohortGrid& grid, const std::array<double, 16>& affine) {
  HeaderRow row;
  row.numbers = {static_cast<double>(grid.x), static_cast<double>(grid.y), static_cast<double>(grid.z)};
  std::ranges::copy(affine, row.numbers.begin() + 5);
  const std::string extents = fmt::format("{} x {} x {} voxels", grid.x, grid.y, grid.z);
  if (mni_objection(row, "").empty()) return "MNI152 2 mm, " + extents;
  std::array<double, 3> edge{};
  for (std::size_t axis = 0; axis < 3; ++axis)
    edge[axis] = std::hypot(affine[axis], affine[4 + axis], affine[8 + axis]);
  return fmt::format("{} of {:.3g} x {:.3g} x {:.3g} mm, the space that the scans share", extents, edge[0], edge[1],
                     edge[2]);
}

std::string summary_text(const PrepareSummary& s) {
  std::string text = fmt::format("scans        {} of {} found are used, {}\n", s.used, s.found(),
                                 plural(s.participants, "participant"));
  text += fmt::format("left out     {}\n", left_out_text(s));
  if (const WithoutScan& lost = s.without_scan; lost.count > 0)
    text += fmt::format("table        {} of {} participants have no scan in the input ({})\n", lost.count,
                        lost.participants, io::printable(lost.first));
  if (s.parcels > 0)
    text += fmt::format(
        "parcels      {}; without a value: {}\n", s.parcels,
        s.missing_parcels == 0
            ? "none in any scan"
            : fmt::format("{:.3g} a scan on average", static_cast<double>(s.missing_parcels) /
                                                          static_cast<double>(std::max<std::size_t>(s.used, 1))));
  else
    text += fmt::format("mask         {} voxels, {:.1f} % of the grid, {}\n", s.voxels,
                        share(s.voxels, s.grid.voxels()), volume_text(static_cast<double>(s.voxels) * s.voxel_mm3));
  text += fmt::format("signal       {}\n", minutes_text(s));
  text += fmt::format("TR           {}\n", times_of_repetition(s));
  text += fmt::format("space        {}\n", s.space);
  text += fmt::format("values       {}\n", s.normalization);
  if (s.reused > 0)
    text +=
        fmt::format("continued    {} of {} scans were staged by an earlier preparation\n", s.reused, s.used + s.bad);
  return text + fmt::format("written      {}: {} scans, {} frames; report {}\n", s.output.string(), s.used, s.frames,
                            s.report.string());
}

std::string times_text(const StageTimes& times, int ranks) {
  constexpr std::array<const char*, kWorks> kNames{"inflate and decode", "statistics and spill", "normalise and stage",
                                                   "copy", "commit"};
  std::string text = fmt::format("{:<20} {:>10} {:>10}   (seconds, summed over {} rank{})\n", "time", "wall", "CPU",
                                 ranks, ranks == 1 ? "" : "s");
  double preparing = 0;
  for (std::size_t w = 0; w < kWorks; ++w) {
    text += fmt::format("{:<20} {:>10.2f} {:>10.2f}\n", kNames[w], times.wall[w], times.cpu[w]);
    if (w <= static_cast<std::size_t>(Work::kNormalize)) preparing += times.wall[w];
  }
  if (preparing > 0)
    text += fmt::format("{:.1f} MB of voxels, {:.1f} MB/s per rank until staged\n", times.inflated_bytes * 1e-6,
                        times.inflated_bytes * 1e-6 / preparing);
  return text;
}

}  // namespace brainmt::prepare
