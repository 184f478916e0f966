#pragma once
// Profiler: time, work and memory by stage of the calling thread while a Recorder lives. Uses the hooks of Kokkos Tools
// in this process, so it sees every kernel, copy and region by its label.
//
//  * What lies inside a region or a copy belongs to the outermost one whose label has a stage; a region whose label has
//    none ("brainmt::forward") only gives a name. Stages therefore never overlap, and their sum is at most the time
//    that passed.
//  * On a device the beginning and the end of each outermost piece wait for the device: work that would overlap does
//    not, so the stages' times are those of the work alone, and the step takes longer than without a Recorder.
//  * Other threads are not seen. Other tools of Kokkos see nothing while it lives.
//  * It restarts the peak of the memory pool's statistics at every stage.
#include <array>
#include <cstdint>
#include <memory>

#include "profile/region.hpp"
#include "profile/stage.hpp"

namespace brainmt::profile {

struct StageTotals {
  double seconds = 0;
  std::int64_t pieces = 0;     // outermost kernels, copies and regions
  Work work;                   // as counted; recomputation counts as executed
  std::size_t peak_bytes = 0;  // most that tensors held while the stage ran
};

struct Profile {
  std::array<StageTotals, kStages> stages;
  double seconds = 0;          // from the Recorder's beginning to totals()
  std::size_t peak_bytes = 0;  // in a stage or between two

  const StageTotals& of(Stage stage) const { return stages[static_cast<std::size_t>(stage)]; }
  /// Seconds inside any stage.
  double covered() const;
};

class Recorder {
 public:
  /// One at a time: throws InternalError when another lives. Kokkos must be initialised.
  Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
  ~Recorder();

  /// What has ended until now.
  Profile totals() const;

  /// Whether stages wait for a device in this build, so that none runs beside another.
  static bool waits_for_device();

  class State;

 private:
  std::unique_ptr<State> state_;
};

namespace detail {
/// The region that begins now says its whole work.
void declare_work(Work work);
}  // namespace detail

}  // namespace brainmt::profile
