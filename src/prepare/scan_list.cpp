#include "prepare/scan_list.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_set>

#include "base/error.hpp"
#include "io/cohort_layout.hpp"
#include "io/printable.hpp"

namespace brainmt::prepare {
namespace {

constexpr std::string_view kPlaceholder = "{subject}";

// A path with the subject left out, in one or more places.
class Pattern {
 public:
  explicit Pattern(const std::string& text) {
    std::size_t at = 0, found = 0;
    while ((found = text.find(kPlaceholder, at)) != std::string::npos) {
      literals_.push_back(text.substr(at, found - at));
      at = found + kPlaceholder.size();
    }
    if (literals_.empty()) throw UsageError(fmt::format("pattern '{}' has no {} in it", text, kPlaceholder));
    literals_.push_back(text.substr(at));
    for (const std::string& literal : literals_) literal_bytes_ += literal.size();
  }

  /// The subject for which the pattern becomes `file`: its length follows from the lengths of the other parts.
  std::optional<std::string> subject_of(const std::string& file) const {
    const std::size_t places = literals_.size() - 1;
    if (file.size() <= literal_bytes_ || (file.size() - literal_bytes_) % places != 0) return std::nullopt;
    const std::string subject = file.substr(literals_[0].size(), (file.size() - literal_bytes_) / places);
    if (subject.find('/') != std::string::npos) return std::nullopt;
    std::string path = literals_[0];
    for (std::size_t i = 1; i < literals_.size(); ++i) path.append(subject).append(literals_[i]);
    if (path != file) return std::nullopt;
    return subject;
  }

 private:
  std::vector<std::string> literals_;  // before, between and behind the places of the subject
  std::size_t literal_bytes_ = 0;
};

std::optional<std::string> flat_subject(const std::string& file) {
  if (file.find('/') != std::string::npos) return std::nullopt;
  for (const std::string_view ending : {".nii.gz", ".nii"}) {
    if (file.ends_with(ending)) return file.substr(0, file.size() - ending.size());
  }
  return std::nullopt;
}

// Relative paths of the regular files in `input`, and with `deep` in the directories below; sorted.
std::vector<std::string> files_below(const std::filesystem::path& input, bool deep) {
  std::error_code error;
  std::vector<std::string> files;
  const auto add = [&](const std::filesystem::directory_entry& entry) {
    std::error_code unknown;
    if (entry.is_regular_file(unknown)) files.push_back(entry.path().lexically_relative(input).generic_string());
  };
  if (deep) {
    std::filesystem::recursive_directory_iterator walk(input, error);
    for (; !error && walk != std::filesystem::recursive_directory_iterator(); walk.increment(error)) add(*walk);
  } else {
    std::filesystem::directory_iterator walk(input, error);
    for (; !error && walk != std::filesystem::directory_iterator(); walk.increment(error)) add(*walk);
  }
  if (error) throw DataError(fmt::format("cannot list the directory '{}': {}", input.string(), error.message()));
  std::ranges::sort(files);
  return files;
}

}  // namespace

std::vector<ScanEntry> list_scans(const std::filesystem::path& input, const std::string& pattern) {
  const bool flat = pattern.empty();
  const std::optional<Pattern> expected = flat ? std::nullopt : std::optional<Pattern>(pattern);
  std::vector<ScanEntry> scans;
  std::unordered_set<std::string> seen;
  for (const std::string& file : files_below(input, !flat)) {
    const auto subject = flat ? flat_subject(file) : expected->subject_of(file);
    if (!subject) continue;
    ScanEntry& scan = scans.emplace_back();
    scan.participant_id = *subject;
    scan.file = file;
    if (!io::is_participant_id(*subject)) {
      scan.reject(
          fmt::format("{} is not a participant id (1 to 64 letters, digits, '_' or '-')", io::printable(*subject)));
    } else if (!seen.insert(*subject).second) {
      scan.reject("a second scan of the same participant");
    }
  }
  if (scans.empty()) {
    throw DataError(fmt::format("'{}' holds no scan, expected {}", input.string(),
                                flat ? "<subject>.nii.gz or <subject>.nii" : fmt::format("files named '{}'", pattern)));
  }
  return scans;
}

}  // namespace brainmt::prepare
