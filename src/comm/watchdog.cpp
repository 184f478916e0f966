#include "comm/watchdog.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/error.hpp"
#include "comm/environment.hpp"

namespace brainmt::comm {

std::string Watchdog::Report::line() const {
  return fmt::format("rank {}: no progress for {:g} s in section {} at step {}", rank, limit.count(), section, step);
}

Watchdog::Section::Section(Section&& other) noexcept
    : watchdog_(std::exchange(other.watchdog_, nullptr)), entry_(other.entry_) {}

Watchdog::Section::~Section() {
  if (watchdog_ != nullptr) watchdog_->leave(entry_);
}

Watchdog::Watchdog(int rank, Action action) : rank_(rank), action_(std::move(action)) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Watchdog::Section Watchdog::section(std::string name, Seconds limit, std::int64_t step) {
  if (limit <= Seconds::zero()) return {};
  const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(limit);
  const std::lock_guard lock(mutex_);
  sections_.push_back({{rank_, std::move(name), step, limit}, deadline});
  if (!thread_.joinable()) thread_ = std::thread(&Watchdog::watch, this);
  changed_.notify_all();
  return {this, std::prev(sections_.end())};
}

void Watchdog::leave(std::list<Entry>::iterator entry) {
  const std::lock_guard lock(mutex_);
  sections_.erase(entry);
}

void Watchdog::watch() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    const auto next = std::ranges::min_element(sections_, {}, &Entry::deadline);
    if (next == sections_.end() || next->deadline == Clock::time_point::max()) {
      changed_.wait(lock);
    } else if (Clock::now() < next->deadline) {
      const auto deadline = next->deadline;  // the entry may be gone when the wait ends
      changed_.wait_until(lock, deadline);
    } else {
      next->deadline = Clock::time_point::max();  // reported once
      const Report report = next->report;
      lock.unlock();
      action_(report);
      lock.lock();
    }
  }
}

void Watchdog::print_and_end_job(const Report& report) {
  std::fprintf(stderr, "%s\n", report.line().c_str());
  std::fflush(stderr);
  end_job(static_cast<int>(ExitCode::kComm));
}

}  // namespace brainmt::comm
