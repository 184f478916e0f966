#pragma once
// A path with places for the participant, {subject}, and the run, {run}.
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
  /// Every way to read `path` as this pattern, shortest subject first: the texts at all places of a name are the same,
  /// not empty, and within one folder. No reading: the path is another.
  std::vector<Reading> readings(std::string_view path) const;

  /// The pattern by folders; the last is the file.
  std::size_t levels() const { return levels_.size(); }
  /// Does this level of the pattern have a place in it? Otherwise its text() is a name.
  bool is_open(std::size_t level) const { return levels_[level].size() > 1; }
  const std::string& text(std::size_t level) const { return levels_[level].front().literal; }
  /// May a name stand at this level? Cheap: looks at the text before the first and behind the last place only.
  bool may_be(std::size_t level, std::string_view name) const;

 private:
  enum class Place { kSubject, kRun, kEnd };
  struct Piece {
    std::string literal;  // before the place
    Place place;
  };
  static std::vector<Piece> cut(std::string_view text);
  bool fits(std::string_view path, std::size_t subject_bytes, std::size_t run_bytes, Reading& reading) const;

  std::vector<Piece> pieces_;               // of the whole path
  std::vector<std::vector<Piece>> levels_;  // of each folder
  std::size_t literal_bytes_ = 0, subjects_ = 0, runs_ = 0;
};

}  // namespace brainmt::prepare
