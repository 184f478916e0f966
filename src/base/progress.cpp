#include "base/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/log.hpp"

namespace brainmt {
namespace {

constexpr std::chrono::milliseconds kRedraw{100};
constexpr std::chrono::seconds kLogInterval{30};
constexpr int kBarWidth = 24;

}  // namespace

std::string format_duration(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::ceil(std::max(seconds, 0.0)));
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

std::string progress_line(std::string_view what, std::int64_t done, std::int64_t total, double seconds,
                          std::string_view note, int bar_width) {
  std::string line(what);
  if (bar_width > 0 && total > 0) {
    const auto filled = static_cast<std::size_t>(std::clamp<std::int64_t>(done * bar_width / total, 0, bar_width));
    line += fmt::format(" [{:<{}}]", std::string(filled, '#'), bar_width);
  }
  line += total > 0 ? fmt::format("  {}/{}  {}%", done, total, 100 * done / total) : fmt::format("  {}", done);
  if (done > 0 && seconds > 0) {
    const double rate = static_cast<double>(done) / seconds;
    line += fmt::format("  {:.3g}/s", rate);
    if (total > done) line += "  eta " + format_duration(static_cast<double>(total - done) / rate);
  }
  if (!note.empty()) line += fmt::format("  {}", note);
  return line;
}

Progress::Progress(std::string what, std::int64_t total, bool enabled)
    : what_(std::move(what)),
      total_(total),
      enabled_(enabled),
      terminal_(::isatty(STDERR_FILENO) == 1),
      start_(Clock::now()),
      interval_(terminal_ ? Clock::duration(kRedraw) : Clock::duration(kLogInterval)) {
  next_ = start_ + interval_;
}

Progress::~Progress() {
  if (drawn_) std::fputc('\n', stderr);
}

void Progress::update(std::int64_t done, std::string_view note) {
  done_ = done;
  if (!enabled_ || Clock::now() < next_) return;
  print(note);
  next_ = Clock::now() + interval_;
}

void Progress::finish(std::string_view note) {
  if (enabled_) print(note);
  if (drawn_) std::fputc('\n', stderr);
  drawn_ = enabled_ = false;
}

void Progress::print(std::string_view note) {
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  if (!terminal_) return log::info("{}", progress_line(what_, done_, total_, seconds, note));
  // Carriage return, the line, and "erase to the end of the line" for the rest of a longer one before it.
  fmt::print(stderr, "\r{}\x1b[K", progress_line(what_, done_, total_, seconds, note, kBarWidth));
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace brainmt
