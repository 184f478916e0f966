#include "prepare/report.hpp"

#include <fmt/format.h>

#include <cmath>
#include <string>

#include "io/atomic_file.hpp"
#include "prepare/series_file.hpp"

namespace brainmt::prepare {
namespace {

const char* word_of(ScanEntry::Status status) {
  switch (status) {
    case ScanEntry::Status::kUsed:
      return "used";
    case ScanEntry::Status::kBad:
      return "bad";
    case ScanEntry::Status::kUnlisted:
      return "unlisted";
    case ScanEntry::Status::kOverlooked:
      return "overlooked";
  }
  return "";
}

// File names may hold what would break the line or its columns.
std::string one_field(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20) c = '?';
  }
  return text;
}

}  // namespace

std::filesystem::path report_path(const std::filesystem::path& output) {
  return std::filesystem::path(output).replace_extension(".report.tsv");
}

void write_report(const std::filesystem::path& path, const std::vector<ScanEntry>& scans) {
  std::string report =
      "participant_id\tfile\tstatus\tframes\trepetition_time\treason\trun\tmean_fd\tcensored\tseconds\t"
      "mask\tnan_voxels\tspikes\tempty_frames\tfrozen_frames\tdead_slices\n";
  for (const ScanEntry& scan : scans) {
    const std::string motion = std::isnan(scan.mean_fd) ? "n/a" : fmt::format("{:.4g}", scan.mean_fd);
    const std::string time = std::isnan(scan.repetition_time) ? "n/a" : fmt::format("{:.6g}", scan.repetition_time);
    report += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{:.2f}\t", one_field(scan.participant_id),
                          one_field(scan.file), word_of(scan.status), scan.frames, time, one_field(scan.reason),
                          one_field(scan.run), motion, scan.censored, scan.seconds);
    const io::ScanQuality& q = scan.quality;
    report += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\n",
                          one_field(!scan.mask.empty()          ? scan.mask
                                    : is_series_name(scan.file) ? "n/a"
                                                                : "nonzero"),
                          scan.nan_voxels, q.spikes, q.empty_frames, q.frozen_frames, q.dead_slices);
  }
  io::write_atomically(path, report);
}

}  // namespace brainmt::prepare
