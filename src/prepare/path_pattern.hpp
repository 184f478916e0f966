#pragma once
// A path with placeholders {subject} for the participant and {run} for the run.
#include <string>
#include <string_view>
#include <vector>

namespace brainmt::prepare {

class PathPattern {
 public:
  /// Throws UsageError: no {subject}, another word in braces, or a path that leaves the input directory.
  explicit PathPattern(std::string_view text);

  struct Reading {
    std::string subject, run;
    bool operator==(const Reading&) const = default;
  };
  /// All matches of `path`, shortest subject first: equal placeholders have equal texts, not empty, within one folder.
  /// Empty: no match.
  std::vector<Reading> readings(std::string_view path) const;

  /// The pattern by folders; the last is the file.
  std::size_t levels() const { return levels_.size(); }
  /// True if this level of the pattern has a placeholder; otherwise its text() is a name.
  bool is_open(std::size_t level) const { return levels_[level].size() > 1; }
  const std::string& text(std::size_t level) const { return levels_[level].front().literal; }
  /// True if a name may match this level: compares the text before the first and behind the last placeholder only.
  bool may_be(std::size_t level, std::string_view name) const;

 private:
  enum class Placeholder { kSubject, kRun, kEnd };
  struct Piece {
    std::string literal;  // before the placeholder
    Placeholder placeholder;
  };
  static std::vector<Piece> cut(std::string_view text);
  bool fits(std::string_view path, std::size_t subject_bytes, std::size_t run_bytes, Reading& reading) const;

  std::vector<Piece> pieces_;               // of the whole path
  std::vector<std::vector<Piece>> levels_;  // of each folder
  std::size_t literal_bytes_ = 0, subjects_ = 0, runs_ = 0;
};

}  // namespace brainmt::prepare
