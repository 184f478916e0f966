#include "task/sampler.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/philox.hpp"
#include "task/shuffle.hpp"

namespace brainmt::task {
namespace {

// One Philox stream for each purpose.
constexpr std::uint32_t kOrderStream = 0x0de2;
constexpr std::uint32_t kWindowStream = 0x317d;

}  // namespace

Block block_of(std::size_t block, std::size_t blocks, std::size_t count) {
  BRAINMT_CHECK(block < blocks, "block {} of {}", block, blocks);
  const std::size_t size = count / blocks, longer = count % blocks;  // the first `longer` blocks have one more
  const std::size_t begin = block * size + std::min(block, longer);
  return {begin, begin + size + (block < longer ? 1 : 0)};
}

std::vector<std::size_t> epoch_order(std::uint64_t seed, std::int64_t epoch, std::size_t items) {
  std::vector<std::size_t> order(items);
  for (std::size_t i = 0; i < items; ++i) order[i] = i;
  shuffle(order, Philox(seed, kOrderStream, static_cast<std::uint64_t>(epoch)));
  return order;
}

TrainingOrder::TrainingOrder(std::uint64_t seed, std::size_t items, std::size_t shards, std::size_t batch_size)
    : seed_(seed), items_(items), shards_(shards), batch_size_(batch_size) {
  BRAINMT_CHECK(items > 0 && shards > 0 && batch_size > 0, "{} items, {} shards of {}", items, shards, batch_size);
  const std::size_t global_batch = shards * batch_size;
  steps_per_epoch_ = static_cast<std::int64_t>((items + global_batch - 1) / global_batch);
}

Block TrainingOrder::batch_of(std::int64_t step) const {
  BRAINMT_CHECK(step >= 0, "step {}", step);
  const std::size_t begin = static_cast<std::size_t>(step % steps_per_epoch_) * shards_ * batch_size_;
  return {begin, std::min(begin + shards_ * batch_size_, items_)};
}

std::vector<Sample> TrainingOrder::samples(std::int64_t step) {
  if (epoch_of(step) != order_epoch_) {
    order_epoch_ = epoch_of(step);
    order_ = epoch_order(seed_, order_epoch_, items_);
  }
  const Block batch = batch_of(step);
  std::vector<Sample> samples;
  for (std::size_t number = 0; number < batch.size(); ++number) {
    samples.push_back({order_[batch.begin + number], number});
  }
  return samples;
}

std::vector<Sample> TrainingOrder::samples(std::int64_t step, std::size_t shard) {
  const std::vector<Sample> all = samples(step);
  const Block mine = block_of(shard, shards_, all.size());
  return {all.begin() + static_cast<std::ptrdiff_t>(mine.begin), all.begin() + static_cast<std::ptrdiff_t>(mine.end)};
}

WindowChoice training_window(std::uint64_t seed, std::int64_t epoch, std::size_t subject,
                             std::span<const std::size_t> run_frames, std::size_t frames) {
  BRAINMT_CHECK(!run_frames.empty() && std::ranges::min(run_frames) >= frames, "a run is shorter than {} frames",
                frames);
  const std::uint64_t index = (static_cast<std::uint64_t>(epoch) << 32) | static_cast<std::uint32_t>(subject);
  Philox random(seed, kWindowStream, index);
  const std::size_t run = random.below(run_frames.size());
  return {run, random.below(run_frames[run] - frames + 1)};
}

std::vector<std::size_t> evaluation_starts(std::size_t scan_frames, std::size_t frames, std::size_t stride) {
  BRAINMT_CHECK(scan_frames >= frames && stride > 0, "{} frames of {}, stride {}", frames, scan_frames, stride);
  const std::size_t last = scan_frames - frames;
  std::vector<std::size_t> starts;
  for (std::size_t start = 0; start < last; start += stride) starts.push_back(start);
  starts.push_back(last);
  return starts;
}

std::vector<EvaluationWindow> evaluation_windows(std::span<const std::size_t> scan_frames, std::size_t frames,
                                                 std::size_t stride, int rank, int ranks) {
  std::vector<EvaluationWindow> all;
  for (std::size_t scan = 0; scan < scan_frames.size(); ++scan) {
    for (const std::size_t start : evaluation_starts(scan_frames[scan], frames, stride)) all.push_back({scan, start});
  }
  const Block mine = block_of(static_cast<std::size_t>(rank), static_cast<std::size_t>(ranks), all.size());
  return {all.begin() + static_cast<std::ptrdiff_t>(mine.begin), all.begin() + static_cast<std::ptrdiff_t>(mine.end)};
}

}  // namespace brainmt::task
