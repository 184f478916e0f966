#pragma once
// Ends the job when a rank hangs. Work runs inside named sections, each with a time limit; a thread of the watchdog
// checks them, and a section that exceeds its limit ends the whole job with one line on stderr:
//     rank 3: no progress for 180 s in section reduce at step 1234
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>

namespace brainmt::comm {

class Watchdog {
 public:
  using Seconds = std::chrono::duration<double>;

  /// A section that has outlived its limit.
  struct Report {
    int rank = 0;
    std::string section;
    std::int64_t step = 0;
    Seconds limit{};

    std::string line() const;
  };
  using Action = std::function<void(const Report&)>;

 private:
  using Clock = std::chrono::steady_clock;
  struct Entry {
    Report report;
    Clock::time_point deadline;
  };

 public:
  /// Work under watch from its making to its end. Sections may nest and may belong to several threads.
  class Section {
   public:
    Section(Section&& other) noexcept;
    Section& operator=(Section&&) = delete;
    ~Section();

   private:
    friend class Watchdog;
    Section() = default;
    Section(Watchdog* watchdog, std::list<Entry>::iterator entry) : watchdog_(watchdog), entry_(entry) {}

    Watchdog* watchdog_ = nullptr;  // null: not watched
    std::list<Entry>::iterator entry_;
  };

  /// `action` runs on the watchdog's thread, once for each late section.
  explicit Watchdog(int rank, Action action = &Watchdog::print_and_end_job);
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  /// Stops watching; every section has ended before.
  ~Watchdog();

  /// A limit of 0 watches nothing. The thread starts with the first section that is watched.
  [[nodiscard]] Section section(std::string name, Seconds limit, std::int64_t step = 0);

  /// The default action: prints the report's line, then ends the job with exit code 5.
  [[noreturn]] static void print_and_end_job(const Report& report);

 private:
  void watch();
  void leave(std::list<Entry>::iterator entry);

  int rank_;
  Action action_;
  std::mutex mutex_;  // guards everything below
  std::condition_variable changed_;
  std::list<Entry> sections_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace brainmt::comm
