#include "base/log.hpp"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace brainmt::log {
namespace {

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarn:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

spdlog::logger& logger() {
  static spdlog::logger instance = [] {
    spdlog::logger made("brainmt", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made.set_pattern("[%H:%M:%S] %l: %v");
    made.flush_on(spdlog::level::info);
    return made;
  }();
  return instance;
}

}  // namespace

void init(int rank, int ranks, Level level) {
  if (ranks > 1) logger().set_pattern(fmt::format("[%H:%M:%S] rank {}: %l: %v", rank));
  logger().set_level(to_spdlog(rank == 0 ? level : std::max(level, Level::kWarn)));
}

void add_file(const std::string& path) {
  auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path, /*truncate=*/false);
  sink->set_pattern("%Y-%m-%dT%H:%M:%S%z %l: %v");
  logger().sinks().push_back(std::move(sink));
}

void write(Level level, std::string_view line) { logger().log(to_spdlog(level), "{}", line); }

}  // namespace brainmt::log
