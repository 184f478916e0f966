#pragma once
// Micro steps that repeat, recorded once and replayed: on a device thousands of launches become one (a CUDA graph).
//
// The first micro step of a kind runs as ever, in a reserve of memory, so that libraries choose their algorithms and
// all memory is there; the second is recorded; from then on the record is replayed. Addresses are part of a record, so
// the reserve is nobody else's while records live. All kinds share it: they run one after the other.
//
// Other work may have their memory between two replays; where that does not suffice, the records are dropped, and steps
// run as ever from there on: a run that fits without records goes on.
//
// A recorded reduction is one on all ranks, and its replay too (NCCL requires it). So the ranks take each decision
// together: from what they all know, and, where recording may have failed or memory run out on some, by asking.
#include <array>
#include <functional>
#include <memory>

#include "base/recording.hpp"
#include "comm/communicator.hpp"
#include "memory/pool.hpp"

namespace brainmt::train {

class StepRecords {
 public:
  /// Of an update's micro steps, all but the last and the last.
  enum class Kind { kAdds, kReduces };

  /// Without a recorder, or on a link that cannot be recorded, everything runs as ever. All of it outlives this.
  StepRecords(LaunchRecorder* recorder, comm::Communicator& control, comm::Communicator& gradients, bool can_record);
  StepRecords(const StepRecords&) = delete;
  StepRecords& operator=(const StepRecords&) = delete;
  ~StepRecords();

  /// Whether steps are recorded now: not while they are profiled, which waits for each stage.
  bool active() const;
  /// Collective while active: one micro step, `recorded` from the second of its kind on, `eager` else. Both compute the
  /// same; `recorded` obeys base/recording.hpp and holds no value that differs between micro steps. Returns whether a
  /// record was replayed.
  bool run(Kind kind, const std::function<void()>& eager, const std::function<void()>& recorded);

  /// The records' memory, for work that ends before the next micro step; where nothing is recorded there is none. While
  /// it is lent, records may be dropped for want of memory: all ranks lend at the same places.
  [[nodiscard]] pool::Reserve::Scope lend_memory();

 private:
  struct Entry {
    bool has_run = false;
    std::unique_ptr<LaunchRecord> record;
  };

  void record(Entry& entry, const std::function<void()>& work);
  void agree_on_memory();
  bool give_memory_back();
  void drop() noexcept;
  void stop_recording();

  LaunchRecorder* recorder_;  // null: nothing is recorded (any more)
  const bool gives_back_;     // the pool asks for the reserve
  comm::Communicator& control_;
  comm::Communicator& gradients_;
  pool::Reserve memory_;
  std::array<Entry, 2> entries_;  // by kind
  bool is_lent_ = false;          // since the last run()
  bool is_short_ = false;         // memory ran out while it was lent
};

}  // namespace brainmt::train
