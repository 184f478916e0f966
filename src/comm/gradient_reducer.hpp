#pragma once
// Sums gradients over ranks in buckets, overlapped with the backward pass.
//
// All gradients lie in one flat array; buckets are contiguous ranges of whole parameters, about bucket_bytes each, and
// go in one fixed order, last parameter first, which is the order in which a backward pass finishes them. The reducer
// sums and never scales: the loss carries the division by the global batch.
//
// One optimiser step is several micro steps (accumulation); P ranks x M micro steps make G = P * M micro shards:
//
//     reducer.begin_step(M);
//     for each micro step:  [kWorld: zero the flat gradient]
//                           reducer.begin_micro_step();  backward pass, calling ready(i) as gradient i becomes final
//     reducer.finish();     // the flat array holds the sum over ranks and micro steps, on every rank
//
// A rank that throws in the middle of a step leaves the others waiting for it: its main() ends the job (end_job).
//
// kRank:  the caller accumulates over micro steps in the flat array itself (+=). In the last one each complete bucket
//         starts a non-blocking all-reduce. The library chooses the order of the sum: another number of ranks gives
//         another rounding.
// kWorld: shards 0..G-1 (rank r computes the contiguous block r*M .. r*M + M-1) are summed by one fixed binary tree
//         over the shard index (summation_tree.hpp): within a rank on a stack of partial sums, across ranks in a
//         butterfly of ranks 1, 2, 4, ... apart. The bits depend on G only, not on P. It costs log2(M) + 1 further
//         copies of the gradient and log2(P) exchanges of it. Over a stream-ordered communicator the butterflies run
//         one after the other at the step's end: started as buckets arrive, they would meet in another order on every
//         rank, and wait for each other in a circle. Where P or M is no power of two, the blocks of ranks are no nodes
//         of the tree: at the step's end rank 0 takes up the others' partial sums in order and broadcasts the sum,
//         which moves up to 2 log2(M) copies of the gradient from each rank.
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "comm/gradient_memory.hpp"
#include "comm/summation_tree.hpp"

namespace brainmt::comm {

/// Where a parameter's gradient lies in the flat array, in elements.
struct ParameterRange {
  std::size_t offset = 0;
  std::size_t count = 0;
};

enum class Determinism { kRank, kWorld };

enum class BucketState {
  kFilling,   // some member is not final yet in this micro step
  kComplete,  // all members final; waits for its turn
  kReducing,  // communication in progress
  kReduced    // holds the sum of all ranks, or, before the last micro step, is folded into this rank's sums
};

/// T is float or double.
template <class T>
class GradientReducer {
 public:
  /// `parameters` in forward order, ascending and apart, inside [0, count); `flat` [count] stays the caller's and
  /// outlives the reducer; it lies in the transport's memory. Throws UsageError for kWorld with the wire dtype
  /// bfloat16, or where bucket_bytes makes too many buckets.
  GradientReducer(const GradientTransport& transport, std::span<const ParameterRange> parameters, T* flat,
                  std::size_t count, std::size_t bucket_bytes, Determinism determinism);

  /// The same number of micro steps on every rank.
  void begin_step(int micro_steps);
  void begin_micro_step();
  /// The gradient of this parameter receives nothing more in this micro step. Called once for each; a parameter used
  /// several times is ready after the last of them. Also moves communication on.
  void ready(std::size_t parameter);
  /// Ends the step. Returns the seconds of communication that the backward pass did not hide; 0 where it was a
  /// graph's.
  double finish();

  bool can_capture() const { return determinism_ == Determinism::kRank && comm_.can_capture(); }
  /// Captures `micro_step`, which calls ready() for each parameter; between steps or in one, whose state stays as it
  /// is. `reduces`: as the last micro step of a step does.
  void capture(bool reduces, const std::function<void()>& micro_step);
  /// The graph of this micro step was launched on the compute stream.
  void launched();

  std::size_t bucket_count() const { return buckets_.size(); }
  BucketState bucket_state(std::size_t bucket) const { return buckets_[bucket].state; }

 private:
  struct Bucket {
    std::size_t offset = 0, count = 0;  // elements of the flat array
    std::size_t members = 0;            // parameters
    std::size_t missing = 0;            // members not final yet in this micro step
    int distance = 1;                   // kWorld: the butterfly's present partner is rank ^ distance
    BucketState state = BucketState::kFilling;
    Request request;
  };

  class Capture;

  void plan_buckets(std::span<const ParameterRange> parameters, std::size_t bucket_bytes);
  void check_usable(std::size_t bucket_bytes) const;
  void reserve();
  void empty_buckets();
  void check_all_ready() const;
  void reserve_partial_sums();
  void fold(const Bucket& bucket, bool keeps);
  void start(std::size_t index);
  void exchange_or_end(std::size_t index);
  void received(std::size_t index);
  void start_complete();
  void progress();
  void join();
  void run_butterflies();
  void sum_at_root();
  void push(TreeNode node, bool is_last);
  bool waits_for_the_end() const {
    return determinism_ == Determinism::kWorld && (comm_.stream_ordered() || through_root_);
  }
  bool last_micro_step() const { return captured_ ? *captured_ : micro_step_ + 1 == micro_steps_; }
  bool narrow() const { return wire_ != nullptr; }

  Communicator& comm_;
  GradientMemory& memory_;
  WireDtype wire_dtype_;
  T* flat_;
  std::size_t count_;
  Determinism determinism_;
  std::vector<Bucket> buckets_;  // in the order in which they go
  std::vector<std::size_t> bucket_of_parameter_;
  std::vector<char> is_ready_;             // by parameter, in this micro step
  int micro_steps_ = 0, micro_step_ = -1;  // micro_steps_ = 0: between two steps
  std::optional<bool> captured_;           // a micro step is being captured: whether it reduces
  bool watches_launch_ = false;            // this step's reductions are part of a graph
  std::size_t next_ = 0;                   // first bucket not started yet
  std::size_t oldest_ = 0;                 // every bucket before this one is reduced
  TreeStack tree_;                         // kWorld: the nodes of this rank, in this step
  std::size_t depth_ = 0;                  // kWorld: nodes on the stack before the newest,
  int joined_ = 0;                         // of which so many are added to it
  bool through_root_ = false;              // kWorld: no butterfly makes the tree of this step
  // In the transport's memory:
  std::vector<std::shared_ptr<void>> partial_sums_;  // kWorld: [node on the stack][count]
  std::shared_ptr<void> received_;                   // kWorld: [count] the partner's values
  std::shared_ptr<void> wire_;                       // [count] bfloat16, with that wire dtype
};

extern template class GradientReducer<float>;
extern template class GradientReducer<double>;

}  // namespace brainmt::comm
