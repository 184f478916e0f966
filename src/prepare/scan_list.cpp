#include "prepare/scan_list.hpp"

#include <algorithm>
#include <optional>
#include <regex>
#include <string_view>
#include <unordered_set>

#include "base/error.hpp"
#include "io/cohort_layout.hpp"
#include "io/printable.hpp"

namespace brainmt::prepare {
namespace {

constexpr std::string_view kPlaceholder = "{subject}";

// A regular expression that matches a relative path and captures the subject; every later {subject} must repeat it.
std::regex expression_of(const std::string& pattern) {
  std::string expression;
  bool captured = false;
  for (std::size_t at = 0; at < pattern.size();) {
    if (std::string_view(pattern).substr(at).starts_with(kPlaceholder)) {
      expression += captured ? "\\1" : "([^/]+)";
      captured = true;
      at += kPlaceholder.size();
      continue;
    }
    if (std::string_view("\\^$.|?*+()[]{}").find(pattern[at]) != std::string_view::npos) expression += '\\';
    expression += pattern[at++];
  }
  if (!captured) throw DataError(fmt::format("pattern '{}' has no {} in it", pattern, kPlaceholder));
  return std::regex(expression);
}

std::optional<std::string> flat_subject(const std::string& file) {
  if (file.find('/') != std::string::npos) return std::nullopt;
  for (const std::string_view ending : {".nii.gz", ".nii"}) {
    if (file.ends_with(ending)) return file.substr(0, file.size() - ending.size());
  }
  return std::nullopt;
}

std::optional<std::string> matched_subject(const std::string& file, const std::regex& expression) {
  std::smatch match;
  if (!std::regex_match(file, match, expression)) return std::nullopt;
  return match[1].str();
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
  const std::optional<std::regex> expression = flat ? std::nullopt : std::optional(expression_of(pattern));
  std::vector<ScanEntry> scans;
  std::unordered_set<std::string> seen;
  for (const std::string& file : files_below(input, !flat)) {
    const auto subject = flat ? flat_subject(file) : matched_subject(file, *expression);
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
