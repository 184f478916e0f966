#include "io/window_loader.hpp"

#include <utility>

#include "base/error.hpp"

namespace brainmt::io {
namespace {

WindowLoader::Source source_of(std::vector<WindowRequest> requests) {
  return [requests = std::move(requests), at = std::size_t{0}]() mutable -> std::optional<WindowRequest> {
    if (at == requests.size()) return std::nullopt;
    return requests[at++];
  };
}

}  // namespace

WindowLoader::WindowLoader(const Cohort& cohort, Source source, std::size_t depth, Cohort::Verify verify)
    : cohort_(cohort), source_(std::move(source)), depth_(depth), verify_(verify) {
  BRAINMT_CHECK(depth >= 1, "a loader needs room for one window");
  thread_ = std::thread([this] { run(); });
}

WindowLoader::WindowLoader(const Cohort& cohort, std::vector<WindowRequest> requests, std::size_t depth,
                           Cohort::Verify verify)
    : WindowLoader(cohort, source_of(std::move(requests)), depth, verify) {}

WindowLoader::~WindowLoader() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  took_one_.notify_all();
  thread_.join();
}

std::optional<Window> WindowLoader::next() {
  const auto start = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  finished_one_.wait(lock, [&] { return !ready_.empty() || ended_; });
  waited_ += std::chrono::steady_clock::now() - start;
  if (ready_.empty()) {
    if (failure_) std::rethrow_exception(failure_);
    return std::nullopt;
  }
  Window window = std::move(ready_.front());
  ready_.pop_front();
  lock.unlock();
  took_one_.notify_one();
  return window;
}

void WindowLoader::recycle(Window window) {
  const std::lock_guard lock(mutex_);
  if (spare_.size() < depth_) spare_.push_back(std::move(window.values));
}

Window WindowLoader::load(const WindowRequest& request) {
  Window window{request, {}};
  {
    const std::lock_guard lock(mutex_);
    if (!spare_.empty()) {
      window.values = std::move(spare_.back());
      spare_.pop_back();
    }
  }
  const GridScatter& scatter = cohort_.scatter_of(request.scan);
  packed_.resize(request.frames * scatter.voxels());
  cohort_.read_window(request.scan, request.first_frame, packed_, verify_);
  window.values.resize(request.frames * scatter.grid_voxels());
  scatter(packed_, cohort_.scans()[request.scan].statistics.fill, window.values);
  return window;
}

void WindowLoader::run() {
  std::exception_ptr failure;
  try {
    while (const std::optional<WindowRequest> request = source_()) {
      Window window = load(*request);
      std::unique_lock lock(mutex_);
      took_one_.wait(lock, [&] { return ready_.size() < depth_ || stop_; });
      if (stop_) break;
      ready_.push_back(std::move(window));
      lock.unlock();
      finished_one_.notify_one();
    }
  } catch (...) {
    failure = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  failure_ = failure;
  ended_ = true;
  finished_one_.notify_all();
}

}  // namespace brainmt::io
