#include "cuda/choices.hpp"

#include <atomic>
#include <mutex>

#include "base/log.hpp"
#include "cuda/error.hpp"

namespace brainmt::cuda {
namespace {

struct Table {
  std::mutex mutex;
  Choices choices;
  std::atomic<bool> settled = false;
  std::atomic<std::int64_t> adoptions = 0;
};

Table& table() {
  static Table instance;
  return instance;
}

void remember(const std::string& key, int position) {
  const std::lock_guard lock(table().mutex);
  table().choices[key] = position;
}

class Event {
 public:
  Event() { check(cudaEventCreate(&event_), "an event for timing"); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { cudaEventDestroy(event_); }
  void record(cudaStream_t stream) { check(cudaEventRecord(event_, stream), "start of a timing"); }
  float milliseconds_since(const Event& start) {
    check(cudaEventSynchronize(event_), "a timed algorithm");
    float ms = 0;
    check(cudaEventElapsedTime(&ms, start.event_, event_), "the time of an algorithm");
    return ms;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

float time_of(const std::function<void()>& run, cudaStream_t stream) {
  constexpr int kRepeats = 3;
  Event start, stop;
  run();  // loads the kernel
  start.record(stream);
  for (int i = 0; i < kRepeats; ++i) run();
  stop.record(stream);
  return stop.milliseconds_since(start) / kRepeats;
}

std::size_t choose_by_time(const Context& context, const std::string& key,
                           const std::vector<detail::Candidate>& candidates) {
  std::vector<float> times;
  for (const detail::Candidate& c : candidates) {
    times.push_back(time_of(c.run, context.stream));
    log::debug("{}: {} takes {:.3f} ms", key, c.name, times.back());
  }
  const std::size_t best = detail::fastest(times);
  log::info("{}: suggestion {} of {}, {} ({:.3f} ms; the first takes {:.3f} ms)", key, best + 1, candidates.size(),
            candidates[best].name, times[best], times[0]);
  return best;
}

}  // namespace

Choices choices() {
  const std::lock_guard lock(table().mutex);
  return table().choices;
}

void adopt_choices(const Choices& choices) {
  const std::lock_guard lock(table().mutex);
  table().choices = choices;
  table().settled = false;
  ++table().adoptions;
}

void settle_choices() { table().settled = true; }

namespace detail {

std::size_t fastest(const std::vector<float>& milliseconds) {
  constexpr float kClearly = 0.98f;
  std::size_t best = 0;
  for (std::size_t i = 1; i < milliseconds.size(); ++i)
    if (milliseconds[i] < kClearly * milliseconds[best]) best = i;
  return best;
}

bool times(const Context& context) { return context.selection == Selection::kTimed && !table().settled; }

std::int64_t adoptions() { return table().adoptions; }

std::optional<int> known_choice(const std::string& key) {
  const std::lock_guard lock(table().mutex);
  const auto found = table().choices.find(key);
  return found == table().choices.end() ? std::nullopt : std::optional(found->second);
}

std::size_t choose(const Context& context, const std::string& key, const std::vector<Candidate>& candidates) {
  BRAINMT_CHECK(!candidates.empty(), "{}", key);
  if (const auto known = known_choice(key)) {
    for (std::size_t i = 0; i < candidates.size(); ++i)
      if (candidates[i].position == *known) return i;
    log::warn("{}: the known choice, suggestion {}, does not exist here: choosing again", key, *known);
  }
  const bool timed = times(context) && candidates.size() > 1;
  const std::size_t best = timed ? choose_by_time(context, key, candidates) : 0;
  if (!timed) log::debug("{}: {}", key, candidates[best].name);
  remember(key, candidates[best].position);
  return best;
}

}  // namespace detail
}  // namespace brainmt::cuda
