#include "train/step_records.hpp"

#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "profile/region.hpp"

namespace brainmt::train {

using Supply = pool::Reserve::Supply;

StepRecords::StepRecords(LaunchRecorder* recorder, comm::Communicator& control, comm::Communicator& gradients,
                         bool can_record)
    : recorder_(can_record ? recorder : nullptr), control_(control), gradients_(gradients) {
  gradients_.on_abort([this] { drop(); });
}

StepRecords::~StepRecords() { gradients_.on_abort(nullptr); }

void StepRecords::drop() noexcept {
  for (Entry& entry : entries_) entry.record.reset();
}

bool StepRecords::active() const { return recorder_ != nullptr && !profile::is_recording(); }

bool StepRecords::run(Kind kind, const std::function<void()>& eager, const std::function<void()>& recorded) {
  Entry& entry = entries_[static_cast<std::size_t>(kind)];
  if (entry.has_run && !entry.record) record(entry, recorded);
  if (!entry.record) {
    const auto memory = lend_memory();
    eager();
    entry.has_run = true;
    return false;
  }
  BRAINMT_CHECK(memory_.is_whole(), "memory of the recorded step is still in use");
  const profile::Region region("brainmt::step::replay");
  entry.record->replay();
  return true;
}

// Collective.
void StepRecords::record(Entry& entry, const std::function<void()>& work) {
  const profile::Region region("brainmt::step::record");
  std::string refused;
  entry.record = recorder_->record(
      [this, work, served = std::vector<const void*>()]() mutable {
        const RecordingGuard guard;
        const auto memory = memory_.open(Supply::kFixed);
        work();
        // Called again, as a rehearsal without a device does, it must find what the record has.
        if (served.empty()) served = memory_.served();
        BRAINMT_CHECK(served == memory_.served(), "the recorded step's memory has other addresses");
      },
      refused);
  const auto recorded = comm::all_reduce_value<std::int64_t>(control_, entry.record ? 1 : 0, comm::ReduceOp::kSum);
  if (recorded == control_.size()) {
    constexpr double kGib = 1024.0 * 1024.0 * 1024.0;
    log::info("steps are replayed from a record from here on; {:.2f} GiB of memory are theirs",
              static_cast<double>(memory_.bytes()) / kGib);
    return;
  }
  if (!entry.record) log::warn("the step cannot be recorded and runs launch by launch: {}", refused);
  drop();
  memory_.release();
  recorder_ = nullptr;
}

pool::Reserve::Scope StepRecords::lend_memory() {
  if (recorder_ == nullptr) return {};
  return memory_.open(Supply::kGrows);
}

}  // namespace brainmt::train
