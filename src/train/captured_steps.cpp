#include "train/captured_steps.hpp"

#include <cstdint>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "profile/region.hpp"

namespace brainmt::train {

using Mode = pool::Arena::Mode;

CapturedSteps::CapturedSteps(StreamCapture* capture, comm::Communicator& control, comm::Communicator& gradients,
                             bool can_capture)
    : capture_(can_capture ? capture : nullptr), control_(control), gradients_(gradients) {
  if (capture_ != nullptr) arena_.emplace();
  gradients_.on_abort([this] { drop(); });
}

CapturedSteps::~CapturedSteps() { gradients_.on_abort(nullptr); }

void CapturedSteps::drop() noexcept {
  for (Entry& entry : entries_) entry.graph.reset();
}

bool CapturedSteps::active() const { return capture_ != nullptr && !profile::is_recording(); }

bool CapturedSteps::run(Kind kind, const std::function<void()>& eager, const std::function<void()>& captured) {
  Entry& entry = entries_[static_cast<std::size_t>(kind)];
  if (capture_ != nullptr && entry.has_run && !entry.graph) capture(entry, captured);
  if (capture_ == nullptr) {
    eager();
    return false;
  }
  if (!entry.graph) {
    const auto memory = arena_->open(Mode::kGrow);
    eager();
    entry.has_run = true;
    return false;
  }
  BRAINMT_CHECK(arena_->is_whole(), "memory of the captured step is still in use");
  const profile::Region region("brainmt::step::launch");
  entry.graph->launch();
  return true;
}

// Collective.
void CapturedSteps::capture(Entry& entry, const std::function<void()>& work) {
  const profile::Region region("brainmt::step::capture");
  std::string refused;
  entry.graph = capture_->capture(
      [this, work, addresses = std::vector<const void*>()]() mutable {
        const CaptureGuard guard;
        const auto memory = arena_->open(Mode::kFixed);
        work();
        // Called again, as a test without a device does, it must find the memory that was captured.
        if (addresses.empty()) addresses = arena_->allocated();
        BRAINMT_CHECK(addresses == arena_->allocated(), "the captured step's memory has other addresses");
      },
      refused);
  const auto captured = comm::all_reduce_value<std::int64_t>(control_, entry.graph ? 1 : 0, comm::ReduceOp::kSum);
  if (captured == control_.size()) {
    if (&entry != &entries_.back()) return;
    constexpr double kGib = 1024.0 * 1024.0 * 1024.0;
    log::info("steps are CUDA graphs from here on; they hold {:.2f} GiB of memory",
              static_cast<double>(arena_->bytes()) / kGib);
    return;
  }
  if (!entry.graph) log::warn("the step cannot be captured and runs launch by launch: {}", refused);
  drop();
  arena_.reset();
  capture_ = nullptr;
}

}  // namespace brainmt::train
