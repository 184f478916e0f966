#include "prepare/path_pattern.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace brainmt::prepare {
namespace {

constexpr std::string_view kSubject = "{subject}", kRun = "{run}";

void check_folder(std::string_view name, std::string_view whole) {
  if (name.empty() || name == "." || name == ".." || name == "~") {
    throw UsageError(
        fmt::format("pattern '{}': expected a path below input without empty parts, '.', '..' and '~'", whole));
  }
}

}  // namespace

std::vector<PathPattern::Piece> PathPattern::cut(std::string_view text) {
  std::vector<Piece> pieces;
  for (;;) {
    const std::size_t open = std::min(text.find_first_of("{}"), text.size());
    const std::string_view rest = text.substr(open);
    const bool subject = rest.starts_with(kSubject), run = rest.starts_with(kRun);
    if (!rest.empty() && !subject && !run) {
      throw UsageError(fmt::format("pattern: expected {} or {} in braces, found '{}'", kSubject, kRun,
                                   rest.substr(0, rest.find('}') == rest.npos ? rest.npos : rest.find('}') + 1)));
    }
    const Placeholder placeholder = subject ? Placeholder::kSubject : run ? Placeholder::kRun : Placeholder::kEnd;
    pieces.push_back({std::string(text.substr(0, open)), placeholder});
    if (placeholder == Placeholder::kEnd) return pieces;
    text.remove_prefix(open + (subject ? kSubject.size() : kRun.size()));
  }
}

PathPattern::PathPattern(std::string_view text) : pieces_(cut(text)) {
  for (const Piece& piece : pieces_) {
    literal_bytes_ += piece.literal.size();
    subjects_ += piece.placeholder == Placeholder::kSubject ? 1 : 0;
    runs_ += piece.placeholder == Placeholder::kRun ? 1 : 0;
  }
  if (subjects_ == 0) throw UsageError(fmt::format("pattern '{}' has no {} in it", text, kSubject));
  for (std::string_view rest = text;;) {
    const std::size_t slash = rest.find('/');
    check_folder(rest.substr(0, slash), text);
    levels_.push_back(cut(rest.substr(0, slash)));
    if (slash == rest.npos) break;
    rest.remove_prefix(slash + 1);
  }
}

bool PathPattern::may_be(std::size_t level, std::string_view name) const {
  const std::vector<Piece>& pieces = levels_[level];
  const std::string &front = pieces.front().literal, &back = pieces.back().literal;
  if (pieces.size() == 1) return name == front;
  return name.size() > front.size() + back.size() && name.starts_with(front) && name.ends_with(back);
}

bool PathPattern::fits(std::string_view path, std::size_t subject_bytes, std::size_t run_bytes,
                       Reading& reading) const {
  const auto take = [&](std::size_t bytes, std::string& value) {
    const std::string_view found = path.substr(0, bytes);
    if (found.size() < bytes || found.find('/') != found.npos || (!value.empty() && found != value)) return false;
    value = found;
    path.remove_prefix(bytes);
    return true;
  };
  for (const Piece& piece : pieces_) {
    if (!path.starts_with(piece.literal)) return false;
    path.remove_prefix(piece.literal.size());
    if (piece.placeholder == Placeholder::kSubject && !take(subject_bytes, reading.subject)) return false;
    if (piece.placeholder == Placeholder::kRun && !take(run_bytes, reading.run)) return false;
  }
  return path.empty();
}

std::vector<PathPattern::Reading> PathPattern::readings(std::string_view path) const {
  std::vector<Reading> found;
  if (path.size() <= literal_bytes_) return found;
  const std::size_t open = path.size() - literal_bytes_;  // bytes of all placeholders together
  for (std::size_t subject = 1; subject * subjects_ <= open; ++subject) {
    const std::size_t left = open - subject * subjects_;
    const bool divides = runs_ == 0 ? left == 0 : left > 0 && left % runs_ == 0;
    Reading reading;
    if (divides && fits(path, subject, runs_ == 0 ? 0 : left / runs_, reading)) found.push_back(std::move(reading));
  }
  return found;
}

}  // namespace brainmt::prepare
