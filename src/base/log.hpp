#pragma once
// The log: stderr, one line each, with the rank in front when there is more than one. A file can be added (a run's
// log.txt). Results go to stdout and are not logged.
#include <fmt/format.h>

#include <string>
#include <string_view>

namespace brainmt::log {

enum class Level { kDebug, kInfo, kWarn, kError };

/// Called once at start; ranks other than 0 log from kWarn upwards only.
void init(int rank, int ranks, Level level = Level::kInfo);
/// Every later line is also appended to `path` (rank 0 of a run).
void add_file(const std::string& path);
void write(Level level, std::string_view line);

template <class... Args>
void debug(fmt::format_string<Args...> f, Args&&... args) {
  write(Level::kDebug, fmt::format(f, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> f, Args&&... args) {
  write(Level::kInfo, fmt::format(f, std::forward<Args>(args)...));
}
template <class... Args>
void warn(fmt::format_string<Args...> f, Args&&... args) {
  write(Level::kWarn, fmt::format(f, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> f, Args&&... args) {
  write(Level::kError, fmt::format(f, std::forward<Args>(args)...));
}

}  // namespace brainmt::log
