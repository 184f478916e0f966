#pragma once
// Which files are scans, and of whom.
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace brainmt::prepare {

/// What becomes of a scan: everything that the report says about it.
struct ScanEntry {
  std::string participant_id;
  std::string run;     // which scan of the participant; empty where the layout knows one only
  std::string file;    // relative to the input directory
  std::string motion;  // file with the scan's motion, relative to the input directory; empty: none (prepare/motion.hpp)
  enum class Status { kUsed, kBad, kUnlisted } status = Status::kUsed;
  std::string reason;  // why it is not used
  std::int64_t frames = 0;
  double repetition_time = 0;  // seconds

  bool usable() const { return status == Status::kUsed; }
  void reject(std::string why) {
    status = Status::kBad;
    reason = std::move(why);
  }
};

/// The scans below `input` in the order of their file names. `pattern`: path with {subject}; empty: every
/// <subject>.nii and <subject>.nii.gz directly in `input`. A name that is no participant id, and a second scan of
/// the same subject, come back as bad. Throws DataError when there is no such directory or no scan in it,
/// UsageError when the pattern names no place for the subject.
std::vector<ScanEntry> list_scans(const std::filesystem::path& input, const std::string& pattern);

}  // namespace brainmt::prepare
