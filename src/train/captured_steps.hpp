#pragma once
// Micro steps as CUDA graphs: thousands of launches become one.
//
// The first micro step of a kind runs eagerly and warms up algorithms and the arena; the second is captured; later ones
// launch the graph. Addresses are part of a graph, so the arena belongs to the graphs alone while they live. Both kinds
// share it: they run one after the other. Where memory is too short for the arena and other work, the run stops
// (device.graphs=false needs less).
//
// A captured reduction is one on all ranks, and so is its launch (NCCL requires it). So the ranks decide together: from
// what they all know, and, where a capture may have failed on some, by asking.
#include <array>
#include <functional>
#include <memory>
#include <optional>

#include "base/capture.hpp"
#include "comm/communicator.hpp"
#include "memory/pool.hpp"

namespace brainmt::train {

class CapturedSteps {
 public:
  /// Of an update's micro steps, all but the last and the last.
  enum class Kind { kAdds, kReduces };

  /// Without `capture`, or on a transport that cannot be captured, everything runs eagerly. All of it outlives this.
  CapturedSteps(StreamCapture* capture, comm::Communicator& control, comm::Communicator& gradients, bool can_capture);
  CapturedSteps(const CapturedSteps&) = delete;
  CapturedSteps& operator=(const CapturedSteps&) = delete;
  ~CapturedSteps();

  /// Whether steps are captured now: not while they are profiled, which waits for each stage.
  bool active() const;
  /// Collective while active: one micro step, `captured` from the second of its kind on, `eager` else. Both compute the
  /// same; `captured` obeys base/capture.hpp and holds no value that differs between micro steps. Returns whether a
  /// graph was launched.
  bool run(Kind kind, const std::function<void()>& eager, const std::function<void()>& captured);

 private:
  struct Entry {
    bool has_run = false;
    std::unique_ptr<CapturedWork> graph;
  };

  void capture(Entry& entry, const std::function<void()>& work);
  void drop() noexcept;

  StreamCapture* capture_;  // null: nothing is captured (any more)
  comm::Communicator& control_;
  comm::Communicator& gradients_;
  std::optional<pool::Arena> arena_;
  std::array<Entry, 2> entries_;  // by kind
};

}  // namespace brainmt::train
