#pragma once
// Assignment of samples to steps and ranks. The order is a function of (seed, step) alone: independent of the number of
// ranks, of the loaders' timing and of resuming.
//
// Training: epoch e visits every item once, in the permutation of (seed, e). Step k of an epoch takes the next
// G * b items (the last step takes what is left), G micro shards of about b items each. Micro shard s takes the
// contiguous block s of them; rank r computes shards r*M .. r*M + M-1 for M micro steps. In an uneven last step some
// shards are smaller or empty; no item is dropped or doubled.
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace brainmt::task {

/// [begin, end) of block `block` when `count` things are dealt into `blocks` contiguous blocks that differ by one at
/// most.
struct Block {
  std::size_t begin = 0, end = 0;
  std::size_t size() const { return end - begin; }
};
Block block_of(std::size_t block, std::size_t blocks, std::size_t count);

/// The permutation of 0..items-1 in this epoch.
std::vector<std::size_t> epoch_order(std::uint64_t seed, std::int64_t epoch, std::size_t items);

struct Sample {
  std::size_t item = 0;
  std::size_t number = 0;  // index in the global batch
};

class TrainingOrder {
 public:
  /// `items` subjects, `shards` = G, `batch_size` = b items a shard; all at least 1.
  TrainingOrder(std::uint64_t seed, std::size_t items, std::size_t shards, std::size_t batch_size);

  std::int64_t steps_per_epoch() const { return steps_per_epoch_; }
  std::int64_t epoch_of(std::int64_t step) const { return step / steps_per_epoch_; }
  /// Items of the global batch of this step, over all shards.
  std::size_t global_samples(std::int64_t step) const { return batch_of(step).size(); }
  /// The whole global batch of this step, in its order.
  std::vector<Sample> samples(std::int64_t step);
  /// Samples of `shard` in this step, counted from the start of training; may be empty.
  std::vector<Sample> samples(std::int64_t step, std::size_t shard);

 private:
  Block batch_of(std::int64_t step) const;

  std::uint64_t seed_;
  std::size_t items_, shards_, batch_size_;
  std::int64_t steps_per_epoch_;
  std::int64_t order_epoch_ = -1;  // the epoch that order_ belongs to
  std::vector<std::size_t> order_;
};

/// A window of a subject: which of its scans (runs), and its first frame there.
struct WindowChoice {
  std::size_t run = 0;
  std::size_t first_frame = 0;
};

/// The window of `subject` in this epoch: a run drawn uniformly, then a start drawn uniformly among those that fit.
/// `run_frames`: frames of each run of the subject, all at least `frames`.
WindowChoice training_window(std::uint64_t seed, std::int64_t epoch, std::size_t subject,
                             std::span<const std::size_t> run_frames, std::size_t frames);

/// First frames of the windows that cover a scan for evaluation: every `stride` frames, and one more at the end of the
/// scan if frames remain. `scan_frames` is at least `frames`.
std::vector<std::size_t> evaluation_starts(std::size_t scan_frames, std::size_t frames, std::size_t stride);

struct EvaluationWindow {
  std::size_t scan = 0;  // index in the list given
  std::size_t first_frame = 0;
};

/// All windows of all scans that `rank` of `ranks` computes: together the ranks compute each once, and rank after rank
/// gives the order by scan and frame (comm::gather_in_order).
std::vector<EvaluationWindow> evaluation_windows(std::span<const std::size_t> scan_frames, std::size_t frames,
                                                 std::size_t stride, int rank, int ranks);

}  // namespace brainmt::task
