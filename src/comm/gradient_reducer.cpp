#include "comm/gradient_reducer.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <thread>
#include <utility>

#include "base/error.hpp"
#include "profile/region.hpp"

namespace brainmt::comm {
namespace {

bool is_power_of_two(int n) { return n > 0 && std::has_single_bit(static_cast<unsigned>(n)); }

template <class T>
T* element(const std::shared_ptr<void>& block, std::size_t i) {
  return static_cast<T*>(block.get()) + i;
}

// Elements sent per rank in a ring all-reduce: 2 (P - 1) / P of the count.
void count_all_reduce(int ranks, std::size_t bytes) {
  profile::count("brainmt::comm::reduce", {.bytes = 2.0 * (ranks - 1) / ranks * static_cast<double>(bytes)});
}

}  // namespace

template <class T>
GradientReducer<T>::GradientReducer(const GradientTransport& transport, std::span<const ParameterRange> parameters,
                                    T* flat, std::size_t count, std::size_t bucket_bytes, Determinism determinism)
    : comm_(transport.comm),
      memory_(transport.memory),
      wire_dtype_(transport.wire_dtype),
      flat_(flat),
      count_(count),
      determinism_(determinism),
      is_ready_(parameters.size(), false) {
  plan_buckets(parameters, bucket_bytes);
  check_usable(bucket_bytes);
  if (comm_.size() > 1) reserve();
}

template <class T>
void GradientReducer<T>::check_usable(std::size_t bucket_bytes) const {
  // Rounding between ranks but not within one would make the bits depend on the split over ranks.
  if (determinism_ == Determinism::kWorld && wire_dtype_ == WireDtype::kBfloat16) {
    throw UsageError(
        "deterministic=world conflicts with comm.gradient_dtype=bf16: use comm.gradient_dtype=fp32, or "
        "deterministic=rank");
  }
  if (buckets_.size() > static_cast<std::size_t>(Communicator::kMaxTag)) {
    throw UsageError(fmt::format("gradient buckets of {} bytes make {} of them, more than {}; use larger ones",
                                 bucket_bytes, buckets_.size(), Communicator::kMaxTag));
  }
}

template <class T>
void GradientReducer<T>::reserve() {
  if (determinism_ == Determinism::kWorld) received_ = memory_.allocate(count_ * sizeof(T));
  if (wire_dtype_ == WireDtype::kBfloat16) {
    BRAINMT_CHECK(data_type_of<T> == DataType::kFloat, "only float gradients travel as bfloat16");
    wire_ = memory_.allocate(count_ * sizeof(bf16));
  }
}

template <class T>
void GradientReducer<T>::plan_buckets(std::span<const ParameterRange> parameters, std::size_t bucket_bytes) {
  bucket_of_parameter_.resize(parameters.size());
  std::size_t end = count_;  // where the parameter after this one begins
  for (std::size_t i = parameters.size(); i-- > 0;) {
    const auto [offset, count] = parameters[i];
    BRAINMT_CHECK(offset <= end && count <= end - offset, "parameter {} overlaps the next one or the end", i);
    end = offset;
    const bool fits =
        !buckets_.empty() && (buckets_.back().offset + buckets_.back().count - offset) * sizeof(T) <= bucket_bytes;
    if (fits) {
      Bucket& bucket = buckets_.back();
      bucket.count += bucket.offset - offset;  // with the gap between the two, if there is one
      bucket.offset = offset;
      ++bucket.members;
    } else {
      buckets_.push_back({.offset = offset, .count = count, .members = 1, .request = {}});
    }
    bucket_of_parameter_[i] = buckets_.size() - 1;
  }
}

template <class T>
void GradientReducer<T>::begin_step(int micro_steps) {
  BRAINMT_CHECK(micro_steps_ == 0, "the step before was not finished");
  BRAINMT_CHECK(micro_steps > 0);
  micro_steps_ = micro_steps;
  micro_step_ = -1;
  if (determinism_ != Determinism::kWorld) return;
  through_root_ = comm_.size() > 1 && !(is_power_of_two(comm_.size()) && is_power_of_two(micro_steps));
  reserve_partial_sums();
  tree_.clear();
}

// As many as the stack has nodes below its top at most; all of them, where rank 0 takes them up.
template <class T>
void GradientReducer<T>::reserve_partial_sums() {
  const std::int64_t terms = std::int64_t{micro_steps_} * (comm_.rank() == 0 && through_root_ ? comm_.size() : 1);
  const std::int64_t first = std::int64_t{micro_steps_} * comm_.rank();
  const bool keeps_last = through_root_ && comm_.rank() != 0;
  std::size_t max_depth = 0;
  tree_.clear();
  for (std::int64_t term = first; term < first + terms; ++term) {
    tree_.push({0, term});
    if (term + 1 < first + terms || keeps_last) max_depth = std::max(max_depth, tree_.size());
  }
  while (partial_sums_.size() < max_depth) partial_sums_.push_back(memory_.allocate(count_ * sizeof(T)));
}

// Onto the stack. The last of all terms takes up the whole stack.
template <class T>
void GradientReducer<T>::push(TreeNode node, bool is_last) {
  depth_ = tree_.size();
  joined_ = tree_.push(node);
  if (is_last) joined_ = static_cast<int>(depth_);
}

template <class T>
void GradientReducer<T>::begin_micro_step() {
  if (micro_step_ >= 0) check_all_ready();
  ++micro_step_;
  BRAINMT_CHECK(micro_step_ < micro_steps_, "more micro steps than the {} announced", micro_steps_);
  const std::int64_t shard = std::int64_t{comm_.rank()} * micro_steps_ + micro_step_;
  if (determinism_ == Determinism::kWorld) push({0, shard}, comm_.size() == 1 && last_micro_step());
  empty_buckets();
}

template <class T>
void GradientReducer<T>::empty_buckets() {
  std::ranges::fill(is_ready_, false);
  for (Bucket& bucket : buckets_) {
    bucket.missing = bucket.members;
    bucket.state = BucketState::kFilling;
  }
  next_ = oldest_ = 0;
}

template <class T>
void GradientReducer<T>::check_all_ready() const {
  const auto missing = std::ranges::find(is_ready_, false);
  BRAINMT_CHECK(missing == is_ready_.end(), "rank {}: the gradient of parameter {} never became ready in micro step {}",
                comm_.rank(), missing - is_ready_.begin(), micro_step_);
}

template <class T>
void GradientReducer<T>::ready(std::size_t parameter) {
  BRAINMT_CHECK((micro_step_ >= 0 || captured_) && parameter < is_ready_.size(), "parameter {}", parameter);
  BRAINMT_CHECK(!is_ready_[parameter], "parameter {} is ready a second time in micro step {}", parameter, micro_step_);
  is_ready_[parameter] = true;
  Bucket& bucket = buckets_[bucket_of_parameter_[parameter]];
  if (--bucket.missing == 0) {
    if (determinism_ == Determinism::kWorld) fold(bucket, !last_micro_step() || through_root_);
    bucket.state = last_micro_step() ? BucketState::kComplete : BucketState::kReduced;
  }
  if (!last_micro_step() || waits_for_the_end()) return;
  if (captured_)
    start_complete();
  else
    progress();
}

// Adds the nodes that the newest one takes up to it, which lies in the flat array; `keeps`: puts the sum on the stack.
template <class T>
void GradientReducer<T>::fold(const Bucket& bucket, bool keeps) {
  T* const sum = flat_ + bucket.offset;
  std::size_t top = depth_;
  for (int i = 0; i < joined_; ++i)
    memory_.add(element<T>(partial_sums_[--top], bucket.offset), sum, bucket.count, data_type_of<T>);
  if (keeps) memory_.copy(sum, element<T>(partial_sums_[top], bucket.offset), bucket.count, data_type_of<T>);
}

template <class T>
void GradientReducer<T>::start(std::size_t index) {
  Bucket& bucket = buckets_[index];
  bucket.state = BucketState::kReducing;
  if (determinism_ == Determinism::kWorld) {
    bucket.distance = 1;
    exchange_or_end(index);
  } else if (narrow()) {
    count_all_reduce(comm_.size(), bucket.count * sizeof(bf16));
    memory_.convert(flat_ + bucket.offset, DataType::kFloat, element<bf16>(wire_, bucket.offset), bucket.count);
    bucket.request =
        comm_.all_reduce_async(element<bf16>(wire_, bucket.offset), bucket.count, DataType::kBfloat16, ReduceOp::kSum);
  } else {
    count_all_reduce(comm_.size(), bucket.count * sizeof(T));
    bucket.request = comm_.all_reduce_async(flat_ + bucket.offset, bucket.count, data_type_of<T>, ReduceOp::kSum);
  }
}

template <class T>
void GradientReducer<T>::exchange_or_end(std::size_t index) {
  Bucket& bucket = buckets_[index];
  if (bucket.distance >= comm_.size()) {
    bucket.state = BucketState::kReduced;
    return;
  }
  profile::count("brainmt::comm::exchange", {.bytes = static_cast<double>(bucket.count * sizeof(T))});
  bucket.request =
      comm_.exchange_async(comm_.rank() ^ bucket.distance, flat_ + bucket.offset, element<T>(received_, bucket.offset),
                           bucket.count, data_type_of<T>, static_cast<int>(index));
}

// Next action of a bucket whose request has completed.
template <class T>
void GradientReducer<T>::received(std::size_t index) {
  Bucket& bucket = buckets_[index];
  if (determinism_ == Determinism::kRank) {
    if (narrow())
      memory_.convert(element<bf16>(wire_, bucket.offset), DataType::kBfloat16, flat_ + bucket.offset, bucket.count);
    bucket.state = BucketState::kReduced;
    return;
  }
  memory_.add(element<T>(received_, bucket.offset), flat_ + bucket.offset, bucket.count, data_type_of<T>);
  bucket.distance *= 2;
  exchange_or_end(index);
}

// Starts complete buckets in the fixed order, the same on all ranks, as collectives require.
template <class T>
void GradientReducer<T>::start_complete() {
  while (next_ < buckets_.size() && buckets_[next_].state == BucketState::kComplete) start(next_++);
}

// Also progresses buckets in flight.
template <class T>
void GradientReducer<T>::progress() {
  const profile::Region region("brainmt::comm::progress");
  start_complete();
  for (std::size_t i = oldest_; i < next_; ++i) {
    while (buckets_[i].state == BucketState::kReducing && buckets_[i].request.test()) received(i);
  }
  while (oldest_ < next_ && buckets_[oldest_].state == BucketState::kReduced) ++oldest_;
}

// Level after level, buckets in order: the same exchanges in the same order on every rank, independent of arrival.
template <class T>
void GradientReducer<T>::run_butterflies() {
  while (next_ < buckets_.size()) start(next_++);
  while (buckets_.back().state == BucketState::kReducing) {
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      buckets_[i].request.wait();
      received(i);
    }
  }
}

// Rank 0 takes up the nodes of the others from left to right. What it sends them is not used: an exchange has two ways.
template <class T>
void GradientReducer<T>::sum_at_root() {
  const auto exchange = [this](int peer, const std::shared_ptr<void>& node, T* receive) {
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      Bucket& bucket = buckets_[i];
      profile::count("brainmt::comm::exchange", {.bytes = static_cast<double>(bucket.count * sizeof(T))});
      bucket.request = comm_.exchange_async(peer, element<T>(node, bucket.offset), receive + bucket.offset,
                                            bucket.count, data_type_of<T>, static_cast<int>(i));
    }
    for (Bucket& bucket : buckets_) bucket.request.wait();
  };
  if (comm_.rank() != 0) {
    for (std::size_t node = 0; node < tree_.size(); ++node) exchange(0, partial_sums_[node], element<T>(received_, 0));
  } else {
    for (int peer = 1; peer < comm_.size(); ++peer) {
      const std::vector<TreeNode> nodes = tree_nodes(std::int64_t{peer} * micro_steps_, micro_steps_);
      for (const TreeNode& node : nodes) {
        const bool is_last = peer + 1 == comm_.size() && &node == &nodes.back();
        exchange(peer, partial_sums_.front(), flat_);
        push(node, is_last);
        for (const Bucket& bucket : buckets_) fold(bucket, !is_last);
      }
    }
  }
  for (Bucket& bucket : buckets_) {
    comm_.broadcast(flat_ + bucket.offset, bucket.count, data_type_of<T>, 0);
    bucket.state = BucketState::kReduced;
  }
  next_ = oldest_ = buckets_.size();
}

// Stream-ordered: the compute stream waits for one bucket after the other; requests are not tested.
template <class T>
void GradientReducer<T>::join() {
  for (; oldest_ < next_; ++oldest_) {
    buckets_[oldest_].request.wait();
    received(oldest_);
  }
}

template <class T>
class GradientReducer<T>::Capture {
 public:
  Capture(GradientReducer& reducer, bool reduces) : reducer_(reducer) {
    reducer_.comm_.begin_capture();
    reducer_.captured_ = reduces;
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  ~Capture() {
    for (Bucket& bucket : reducer_.buckets_) bucket.request = {};  // what an error left
    reducer_.captured_.reset();
    reducer_.comm_.end_capture();
    reducer_.empty_buckets();
  }

 private:
  GradientReducer& reducer_;
};

template <class T>
void GradientReducer<T>::capture(bool reduces, const std::function<void()>& micro_step) {
  BRAINMT_CHECK(can_capture());
  const Capture scope(*this, reduces);
  empty_buckets();
  micro_step();
  check_all_ready();
  join();
}

template <class T>
void GradientReducer<T>::launched() {
  BRAINMT_CHECK(micro_step_ >= 0 && can_capture());
  std::ranges::fill(is_ready_, true);
  for (Bucket& bucket : buckets_) bucket.state = BucketState::kReduced;
  if (!last_micro_step()) return;
  next_ = oldest_ = buckets_.size();
  watches_launch_ = true;
  comm_.launched();
}

template <class T>
double GradientReducer<T>::finish() {
  using Clock = std::chrono::steady_clock;
  BRAINMT_CHECK(micro_steps_ > 0 && last_micro_step(), "micro step {} of {}", micro_step_ + 1, micro_steps_);
  check_all_ready();
  if (std::exchange(watches_launch_, false)) {
    const profile::Region region("brainmt::comm::finish");
    comm_.settle();
    micro_steps_ = 0;
    micro_step_ = -1;
    return 0;
  }
  // A device may still be in the backward pass; what is left after that is communication that it did not hide.
  for (Request backward = comm_.work_done(); !backward.test(); std::this_thread::yield()) {
    if (!waits_for_the_end()) progress();
  }
  const profile::Region region("brainmt::comm::finish");
  const auto begin = Clock::now();
  if (through_root_)
    sum_at_root();
  else if (waits_for_the_end())
    run_butterflies();
  progress();
  while (oldest_ < buckets_.size()) {
    buckets_[oldest_].request.wait();
    progress();
  }
  comm_.settle();
  micro_steps_ = 0;
  micro_step_ = -1;
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

template class GradientReducer<float>;
template class GradientReducer<double>;

}  // namespace brainmt::comm
