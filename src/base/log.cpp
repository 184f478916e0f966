#include "base/log.hpp"

#include <fcntl.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <mutex>
#include <system_error>

#include "base/error.hpp"

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

// File sink that appends each line with one write(), so that lines of several processes do not mix. spdlog's own sinks
// would follow a link at the path.
class FileSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FileSink(const std::string& path)
      : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0666)) {
    if (fd_ < 0) {
      throw OutputError(fmt::format("cannot append to '{}': {}", path, std::generic_category().message(errno)));
    }
  }
  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;
  ~FileSink() override { ::close(fd_); }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    // A log that cannot be written (a full disk) does not end a run.
    for (std::size_t done = 0; done < line.size();) {
      const ssize_t put = ::write(fd_, line.data() + done, line.size() - done);
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) return;
      done += static_cast<std::size_t>(put);
    }
  }
  void flush_() override {}

 private:
  int fd_;
};

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
  auto sink = std::make_shared<FileSink>(path);
  sink->set_pattern("%Y-%m-%dT%H:%M:%S%z %l: %v");
  logger().sinks().push_back(std::move(sink));
}

void write(Level level, std::string_view line) { logger().log(to_spdlog(level), "{}", line); }

}  // namespace brainmt::log
