#include "train/step_records.hpp"

#include <cstdint>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "profile/region.hpp"

namespace brainmt::train {

using Supply = pool::Reserve::Supply;

StepRecords::StepRecords(LaunchRecorder* recorder, comm::Communicator& control, comm::Communicator& gradients,
                         bool can_record)
    : recorder_(can_record ? recorder : nullptr),
      gives_back_(recorder_ != nullptr),
      control_(control),
      gradients_(gradients) {
  gradients_.on_abort([this] { drop(); });
  if (gives_back_) pool::on_shortage([this] { return give_memory_back(); });
}

StepRecords::~StepRecords() {
  gradients_.on_abort(nullptr);
  if (gives_back_) pool::on_shortage(nullptr);
}

void StepRecords::drop() noexcept {
  for (Entry& entry : entries_) entry.record.reset();
}

bool StepRecords::active() const { return recorder_ != nullptr && !profile::is_recording(); }

bool StepRecords::run(Kind kind, const std::function<void()>& eager, const std::function<void()>& recorded) {
  if (std::exchange(is_lent_, false)) agree_on_memory();
  Entry& entry = entries_[static_cast<std::size_t>(kind)];
  if (recorder_ != nullptr && entry.has_run && !entry.record) record(entry, recorded);
  if (recorder_ == nullptr) {
    eager();
    return false;
  }
  if (!entry.record) {
    const auto memory = memory_.open(Supply::kGrows);
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
    if (&entry != &entries_.back()) return;
    constexpr double kGib = 1024.0 * 1024.0 * 1024.0;
    log::info("steps are replayed from a record from here on; {:.2f} GiB of memory are theirs",
              static_cast<double>(memory_.bytes()) / kGib);
    return;
  }
  if (!entry.record) log::warn("the step cannot be recorded and runs launch by launch: {}", refused);
  stop_recording();
}

void StepRecords::stop_recording() {
  drop();
  memory_.release();
  recorder_ = nullptr;
}

// Collective.
void StepRecords::agree_on_memory() {
  if (comm::all_reduce_value<std::int64_t>(control_, is_short_ ? 1 : 0, comm::ReduceOp::kSum) == 0) return;
  if (is_short_)
    log::warn("too little memory for a recorded step beside other work: steps run launch by launch from here on");
  stop_recording();
}

// Called by the pool. A replay under way keeps what it has.
bool StepRecords::give_memory_back() {
  if (!is_lent_ || is_short_) return false;
  is_short_ = true;
  drop();
  memory_.release();
  return true;
}

pool::Reserve::Scope StepRecords::lend_memory() {
  if (recorder_ == nullptr) return {};
  is_lent_ = true;
  return memory_.open(Supply::kGrows);
}

}  // namespace brainmt::train
