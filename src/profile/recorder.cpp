#include "profile/recorder.hpp"

#include <Kokkos_Core.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "memory/pool.hpp"
#include "profile/nvtx.hpp"

namespace brainmt::profile {
namespace {

constexpr bool kDevice = !Kokkos::SpaceAccessibility<Kokkos::DefaultExecutionSpace, Kokkos::HostSpace>::accessible;
constexpr std::size_t kNone = static_cast<std::size_t>(-1);

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

void wait_for_device() {
  if constexpr (kDevice) Kokkos::fence();
}

}  // namespace

// What is open is a stack. An entry may miss its end: a kernel that throws has none. It is closed with the region
// around it, or when the next kernel begins, for kernels do not nest.
class Recorder::State {
 public:
  enum class Kind { kKernel, kCopy, kRegion };

  State() : start_(now()) { pool::reset_peak(); }
  ~State() { close_from(0); }

  bool is_mine() const { return thread_ == std::this_thread::get_id(); }

  std::uint64_t begin(Kind kind, const char* label) {
    if (kind != Kind::kRegion && !open_.empty() && open_.back().kind == Kind::kKernel) close_from(open_.size() - 1);
    open_.push_back({kind, ++last_id_});
    nvtx::push(label);
    if (owner_ == kNone) {
      const std::optional<Stage> stage = stage_of(label);
      if (stage || kind != Kind::kRegion) enter(stage.value_or(Stage::kRest));
    }
    return last_id_;
  }

  // Ends the innermost open entry of this kind, with this id unless it is 0, and what was left open inside it.
  void end(Kind kind, std::uint64_t id = 0) {
    for (std::size_t i = open_.size(); i-- > 0;)
      if (open_[i].kind == kind && (id == 0 || open_[i].id == id)) return close_from(i);
  }

  void add(const char* label, Work work) {
    if (declared_ != kNone) return;
    add(owner_ != kNone ? stage_ : stage_of(label).value_or(Stage::kRest), work);
  }

  void declare(Work work) {
    if (declared_ != kNone || open_.empty()) return;
    add(owner_ != kNone ? stage_ : Stage::kRest, work);
    declared_ = open_.size() - 1;
  }

  Profile totals() const {
    Profile result = profile_;
    result.seconds = now() - start_;
    result.peak_bytes = std::max(result.peak_bytes, pool::statistics().peak_bytes);
    return result;
  }

 private:
  struct Open {
    Kind kind;
    std::uint64_t id;
  };

  StageTotals& of(Stage stage) { return profile_.stages[static_cast<std::size_t>(stage)]; }

  void add(Stage stage, Work work) { of(stage).work += work; }

  // The most memory since the last call; the next one begins at what is held now.
  std::size_t take_peak() {
    const std::size_t peak = pool::statistics().peak_bytes;
    pool::reset_peak();
    profile_.peak_bytes = std::max(profile_.peak_bytes, peak);
    return peak;
  }

  void enter(Stage stage) {
    owner_ = open_.size() - 1;
    stage_ = stage;
    take_peak();
    wait_for_device();
    begin_ = now();
  }

  void leave() {
    wait_for_device();
    StageTotals& totals = of(stage_);
    totals.seconds += now() - begin_;
    totals.pieces += 1;
    totals.peak_bytes = std::max(totals.peak_bytes, take_peak());
    owner_ = kNone;
  }

  void close_from(std::size_t first) {
    while (open_.size() > first) {
      if (owner_ == open_.size() - 1) leave();
      if (declared_ == open_.size() - 1) declared_ = kNone;
      open_.pop_back();
      nvtx::pop();
    }
  }

  const std::thread::id thread_ = std::this_thread::get_id();
  const double start_;
  std::vector<Open> open_;
  std::uint64_t last_id_ = 0;
  std::size_t owner_ = kNone;     // the entry whose stage the time belongs to
  std::size_t declared_ = kNone;  // the entry that has said its work
  Stage stage_ = Stage::kRest;    // of the owner
  double begin_ = 0;              // of the owner
  Profile profile_;
};

namespace {

using Kind = Recorder::State::Kind;
namespace hooks = Kokkos::Tools::Experimental;

std::atomic<Recorder::State*> current{nullptr};
hooks::EventSet before;  // what a Recorder has replaced

Recorder::State* listening() {
  Recorder::State* state = current.load(std::memory_order_acquire);
  return state != nullptr && state->is_mine() ? state : nullptr;
}

void begin_kernel(const char* label, std::uint32_t, std::uint64_t* id) {
  auto* state = listening();
  *id = state != nullptr ? state->begin(Kind::kKernel, label) : 0;
}

void end_kernel(std::uint64_t id) {
  auto* state = listening();
  if (state != nullptr && id != 0) state->end(Kind::kKernel, id);
}

void begin_region(const char* label) {
  if (auto* state = listening()) state->begin(Kind::kRegion, label);
}

void end_region() {
  if (auto* state = listening()) state->end(Kind::kRegion);
}

// Kokkos names the source of a fill "Scalar" or "(none)"; a copy reads what it writes.
void begin_copy(Kokkos_Profiling_SpaceHandle, const char*, const void*, Kokkos_Profiling_SpaceHandle,
                const char* source, const void*, std::uint64_t bytes) {
  constexpr const char* kLabel = "Kokkos::deep_copy";
  auto* state = listening();
  if (state == nullptr) return;
  state->begin(Kind::kCopy, kLabel);
  const bool fill = source == std::string_view("Scalar") || source == std::string_view("(none)");
  state->add(kLabel, {.bytes = static_cast<double>(bytes) * (fill ? 1 : 2)});
}

void end_copy() {
  if (auto* state = listening()) state->end(Kind::kCopy);
}

void install() {
  before = hooks::get_callbacks();
  hooks::EventSet events{};
  events.begin_parallel_for = events.begin_parallel_reduce = events.begin_parallel_scan = begin_kernel;
  events.end_parallel_for = events.end_parallel_reduce = events.end_parallel_scan = end_kernel;
  events.push_region = begin_region;
  events.pop_region = end_region;
  events.begin_deep_copy = begin_copy;
  events.end_deep_copy = end_copy;
  hooks::set_callbacks(events);
}

}  // namespace

double Profile::covered() const {
  double seconds = 0;
  for (const StageTotals& stage : stages) seconds += stage.seconds;
  return seconds;
}

Recorder::Recorder() {
  if (current.load() != nullptr) throw InternalError("a second profile::Recorder while another lives");
  wait_for_device();
  state_ = std::make_unique<State>();
  current.store(state_.get(), std::memory_order_release);
  install();
  detail::recording.store(true);
}

Recorder::~Recorder() {
  detail::recording.store(false);
  hooks::set_callbacks(before);
  current.store(nullptr);
}

bool Recorder::waits_for_device() { return kDevice; }

Profile Recorder::totals() const {
  wait_for_device();
  return state_->totals();
}

void detail::add_count(const char* label, Work work) {
  if (auto* state = listening()) state->add(label, work);
}

void detail::declare_work(Work work) {
  if (auto* state = listening()) state->declare(work);
}

}  // namespace brainmt::profile
