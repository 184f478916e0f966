#include "io/window_loader.hpp"

#include <ctime>
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

double thread_cpu_seconds() {
  timespec time = {};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

WindowLoader::WindowLoader(const Cohort& cohort, Source source, std::size_t depth, std::pmr::memory_resource* packed)
    : WindowLoader(cohort, std::move(source), depth, packed, nullptr) {}

WindowLoader::WindowLoader(const Cohort& cohort, Source source, std::size_t depth, Make make)
    : WindowLoader(cohort, std::move(source), depth, nullptr, std::move(make)) {}

WindowLoader::WindowLoader(const Cohort& cohort, Source source, std::size_t depth, std::pmr::memory_resource* packed,
                           Make make)
    : cohort_(cohort),
      source_(std::move(source)),
      make_(std::move(make)),
      depth_(depth),
      packed_memory_(packed),
      reader_(cohort.make_reader()) {
  BRAINMT_CHECK(depth >= 1, "a loader needs room for one window");
  thread_ = std::thread([this] { run(); });
}

WindowLoader::WindowLoader(const Cohort& cohort, std::vector<WindowRequest> requests, std::size_t depth)
    : WindowLoader(cohort, source_of(std::move(requests)), depth) {}

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
  return take_first(std::move(lock));
}

std::optional<Window> WindowLoader::next_if_ready() {
  std::unique_lock lock(mutex_);
  if (ready_.empty()) return std::nullopt;
  return take_first(std::move(lock));
}

Window WindowLoader::take_first(std::unique_lock<std::mutex> lock) {
  Window window = std::move(ready_.front());
  ready_.pop_front();
  lock.unlock();
  took_one_.notify_one();
  return window;
}

void WindowLoader::recycle(Window window) {
  const std::lock_guard lock(mutex_);
  // depth_ finished, one being read, one at the caller: enough buffers, so none is allocated later.
  if (spare_.size() < depth_ + 2) spare_.push_back(std::move(window));
}

// A recycled window or a new one. Move-constructed, never assigned: assignment would keep the target's memory resource
// and copy.
Window WindowLoader::spare() {
  const std::lock_guard lock(mutex_);
  if (spare_.empty()) {
    return {
        {}, {}, std::pmr::vector<std::uint16_t>(packed_memory_ ? packed_memory_ : std::pmr::get_default_resource())};
  }
  Window window = std::move(spare_.back());
  spare_.pop_back();
  return window;
}

Window WindowLoader::load(const WindowRequest& request) {
  Window window = spare();
  window.request = request;
  if (make_) {
    make_(request, window.values);
    return window;
  }
  const GridScatter& scatter = cohort_.scatter_of(request.scan);
  std::pmr::vector<std::uint16_t>& packed = packed_memory_ ? window.packed : packed_;
  packed.reserve(request.frames * cohort_.max_voxels());  // does not grow when a window of a larger mask comes
  packed.resize(request.frames * scatter.voxels());
  cohort_.load_window(*reader_, request.scan, request.first_frame, packed);
  if (packed_memory_) return window;
  window.values.resize(request.frames * scatter.grid_voxels());
  scatter(packed_, cohort_.scans()[request.scan].statistics.fill, window.values);
  return window;
}

// Waits for room in the queue, or only for the end; true when that has come.
bool WindowLoader::pause(std::chrono::microseconds longest, bool for_room) {
  std::unique_lock lock(mutex_);
  return took_one_.wait_for(lock, longest, [&] { return stop_ || (for_room && ready_.size() < depth_); });
}

void WindowLoader::read_all() {
  while (const std::optional<WindowRequest> request = source_()) {
    Window window = load(*request);
    cpu_seconds_ = thread_cpu_seconds();
    reader_->idle_until([this](auto longest) { return pause(longest, true); });
    {
      const std::lock_guard lock(mutex_);
      if (stop_) return;
      ready_.push_back(std::move(window));
    }
    finished_one_.notify_one();
  }
  reader_->finish([this](auto longest) { return pause(longest, false); });
}

void WindowLoader::run() {
  std::exception_ptr failure;
  try {
    read_all();
  } catch (...) {
    failure = std::current_exception();
  }
  try {
    reader_->leave(failure);
  } catch (...) {
    failure = std::current_exception();  // agreed: that of the lowest rank
  }
  const std::lock_guard lock(mutex_);
  failure_ = failure;
  ended_ = true;
  finished_one_.notify_all();
}

}  // namespace brainmt::io
