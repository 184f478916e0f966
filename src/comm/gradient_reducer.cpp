#include "comm/gradient_reducer.hpp"

#include <algorithm>
#include <bit>
#include <chrono>

#include "base/error.hpp"

namespace brainmt::comm {
namespace {

bool is_power_of_two(int n) { return n > 0 && std::has_single_bit(static_cast<unsigned>(n)); }

template <class T>
void add(const T* lower, const T* upper, T* sum, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) sum[i] = lower[i] + upper[i];
}

}  // namespace

template <class T>
GradientReducer<T>::GradientReducer(Communicator& comm, std::span<const ParameterRange> parameters, T* flat,
                                    std::size_t count, std::size_t bucket_bytes, Determinism determinism)
    : comm_(comm), flat_(flat), count_(count), determinism_(determinism), is_ready_(parameters.size(), false) {
  if (determinism == Determinism::kWorld && !is_power_of_two(comm.size())) {
    throw UsageError(
        fmt::format("deterministic=world needs a power-of-two number of ranks, found {}; use {} ranks, or "
                    "deterministic=rank",
                    comm.size(), std::bit_floor(static_cast<unsigned>(comm.size()))));
  }
  plan_buckets(parameters, bucket_bytes);
  if (buckets_.size() > static_cast<std::size_t>(Communicator::kMaxTag)) {
    throw UsageError(fmt::format("gradient buckets of {} bytes make {} of them, more than {}; use larger ones",
                                 bucket_bytes, buckets_.size(), Communicator::kMaxTag));
  }
  if (determinism == Determinism::kWorld && comm.size() > 1) received_.resize(count);
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
  if (determinism_ == Determinism::kWorld) {
    if (!is_power_of_two(micro_steps)) {
      throw UsageError(
          fmt::format("deterministic=world needs a power-of-two run.accumulate, found {}; use {}, or "
                      "deterministic=rank",
                      micro_steps, std::bit_ceil(static_cast<unsigned>(micro_steps))));
    }
    partial_sums_.resize(std::countr_zero(static_cast<unsigned>(micro_steps)));
    for (std::vector<T>& sums : partial_sums_) sums.resize(count_);
  }
  micro_steps_ = micro_steps;
  micro_step_ = -1;
}

template <class T>
void GradientReducer<T>::begin_micro_step() {
  if (micro_step_ >= 0) check_all_ready();
  ++micro_step_;
  BRAINMT_CHECK(micro_step_ < micro_steps_, "more micro steps than the {} announced", micro_steps_);
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
  BRAINMT_CHECK(micro_step_ >= 0 && parameter < is_ready_.size(), "parameter {}", parameter);
  BRAINMT_CHECK(!is_ready_[parameter], "parameter {} is ready a second time in micro step {}", parameter, micro_step_);
  is_ready_[parameter] = true;
  Bucket& bucket = buckets_[bucket_of_parameter_[parameter]];
  if (--bucket.missing == 0) {
    if (determinism_ == Determinism::kWorld) fold_micro_step(bucket);
    bucket.state = last_micro_step() ? BucketState::kComplete : BucketState::kReduced;
  }
  if (last_micro_step()) progress();
}

// Binary counter: the set low bits of the micro step's number are the subtrees that end just before it.
template <class T>
void GradientReducer<T>::fold_micro_step(const Bucket& bucket) {
  T* const sum = flat_ + bucket.offset;
  std::size_t level = 0;
  for (; (micro_step_ >> level) & 1; ++level) {
    add(partial_sums_[level].data() + bucket.offset, sum, sum, bucket.count);
  }
  if (!last_micro_step()) std::copy_n(sum, bucket.count, partial_sums_[level].data() + bucket.offset);
}

template <class T>
void GradientReducer<T>::start(std::size_t index) {
  Bucket& bucket = buckets_[index];
  bucket.state = BucketState::kReducing;
  if (determinism_ == Determinism::kRank) {
    bucket.request = comm_.all_reduce_async(flat_ + bucket.offset, bucket.count, data_type_of<T>, ReduceOp::kSum);
  } else {
    bucket.distance = 1;
    exchange_or_end(index);
  }
}

template <class T>
void GradientReducer<T>::exchange_or_end(std::size_t index) {
  Bucket& bucket = buckets_[index];
  if (bucket.distance >= comm_.size()) {
    bucket.state = BucketState::kReduced;
    return;
  }
  bucket.request =
      comm_.exchange_async(comm_.rank() ^ bucket.distance, flat_ + bucket.offset, received_.data() + bucket.offset,
                           bucket.count, data_type_of<T>, static_cast<int>(index));
}

// What follows when the request of a bucket under way has finished.
template <class T>
void GradientReducer<T>::received(std::size_t index) {
  Bucket& bucket = buckets_[index];
  if (determinism_ == Determinism::kRank) {
    bucket.state = BucketState::kReduced;
    return;
  }
  T* const mine = flat_ + bucket.offset;
  const T* const theirs = received_.data() + bucket.offset;
  const bool lower = (comm_.rank() & bucket.distance) == 0;
  add(lower ? mine : theirs, lower ? theirs : mine, mine, bucket.count);
  bucket.distance *= 2;
  exchange_or_end(index);
}

// Starts complete buckets whose turn has come (the same order on all ranks, which collectives require) and moves those
// under way on by what has arrived.
template <class T>
void GradientReducer<T>::progress() {
  while (next_ < buckets_.size() && buckets_[next_].state == BucketState::kComplete) start(next_++);
  for (std::size_t i = oldest_; i < next_; ++i) {
    while (buckets_[i].state == BucketState::kReducing && buckets_[i].request.test()) received(i);
  }
  while (oldest_ < next_ && buckets_[oldest_].state == BucketState::kReduced) ++oldest_;
}

template <class T>
double GradientReducer<T>::finish() {
  const auto begin = std::chrono::steady_clock::now();
  BRAINMT_CHECK(micro_steps_ > 0 && last_micro_step(), "micro step {} of {}", micro_step_ + 1, micro_steps_);
  check_all_ready();
  progress();
  while (oldest_ < buckets_.size()) {
    buckets_[oldest_].request.wait();
    progress();
  }
  micro_steps_ = 0;
  micro_step_ = -1;
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

template class GradientReducer<float>;
template class GradientReducer<double>;

}  // namespace brainmt::comm
