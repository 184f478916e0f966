#include "comm/nccl_communicator.hpp"

#include <algorithm>
#include <exception>
#include <thread>

#include "base/error.hpp"
#include "base/log.hpp"
#include "comm/agreement.hpp"

namespace brainmt::comm {
namespace {

constexpr std::size_t kCallsPerGroup = 1024;  // NCCL allows 2048, and an exchange is two
constexpr std::chrono::microseconds kPoll{20};
constexpr double kFinalizeSeconds = 10;

// What to look at, by what NCCL found.
const char* advice(NcclStatus status) {
  switch (status) {
    case NcclStatus::kRemoteError:
      return "another rank ended or the network to it broke: look for its last message";
    case NcclStatus::kSystemError:
      return "look at the network (NCCL_DEBUG=INFO, NCCL_SOCKET_IFNAME, NCCL_IB_HCA), ulimit -l and the size of "
             "/dev/shm";
    case NcclStatus::kCudaError:
      return "look for an earlier CUDA error of this rank, and for Xid lines in the kernel log of its node";
    case NcclStatus::kInvalidArgument:
    case NcclStatus::kInvalidUsage:
      return "two ranks on one device? One rank per device, or comm.backend=mpi";
    default:
      return "NCCL_DEBUG=INFO says more";
  }
}

const std::byte* at(const void* data, std::size_t element, DataType type) {
  return static_cast<const std::byte*>(data) + element * bytes_of(type);
}
std::byte* at(void* data, std::size_t element, DataType type) {
  return static_cast<std::byte*>(data) + element * bytes_of(type);
}

}  // namespace

// An operation on the communication stream. The compute stream is ordered behind it even without a wait, because its
// buffers may be reused there. The event of a captured operation is valid inside the capture only: waited for, never
// queried.
class NcclCommunicator::Operation final : public Request::Operation {
 public:
  Operation(NcclCommunicator& comm, const char* name, std::shared_ptr<void> end)
      : comm_(comm), name_(name), end_(std::move(end)), is_captured_(comm.capturing_) {}
  ~Operation() override {
    try {
      if (!is_captured_) wait();
    } catch (const Error& error) {
      log::warn("{}", error.what());
    }
  }

  bool test() override {
    BRAINMT_CHECK(!is_captured_, "a captured {} runs when its graph is launched", name_);
    comm_.refuse_after_failure();
    if (!is_done_ && !(is_done_ = comm_.device_.is_done(end_.get()))) comm_.check_progress(name_, start_);
    return is_done_;
  }
  void wait() override {
    if (!is_done_) comm_.device_.wait(comm_.compute_, end_.get());
    is_done_ = true;
  }

 private:
  NcclCommunicator& comm_;
  const char* name_;
  std::shared_ptr<void> end_;
  Clock::time_point start_ = Clock::now();
  bool is_captured_;
  bool is_done_ = false;
};

NcclCommunicator::NcclCommunicator(Communicator& host, NcclApi& nccl, DeviceApi& device, DeviceApi::Stream compute,
                                   const Settings& settings)
    : host_(host),
      nccl_(nccl),
      device_(device),
      compute_(compute),
      settings_(settings),
      stream_(device),
      events_(device),
      exceptions_at_start_(std::uncaught_exceptions()) {
  BRAINMT_CHECK(settings.max_count > 0);
  try {
    connect();
  } catch (...) {
    abort();  // where this rank got through and another did not
    throw;
  }
}

void NcclCommunicator::connect() {
  NcclApi::Id id{};
  run_agreed(host_, [&] {
    if (rank() == 0) check(nccl_.unique_id(id), "making NCCL's id");
  });
  host_.broadcast(id.data(), id.size(), DataType::kByte, 0);
  run_agreed(host_, [&] {
    check(nccl_.init(comm_, size(), id, rank()), "starting NCCL");
    wait_until_enqueued("starting NCCL");
  });
}

NcclCommunicator::~NcclCommunicator() {
  // Failing ranks do not wait for each other.
  const bool unwinding = std::uncaught_exceptions() > exceptions_at_start_;
  if (comm_ != nullptr && (unwinding || !finalize())) abort();
}

bool NcclCommunicator::finalize() noexcept {
  try {
    settle();
    check(nccl_.finalize(comm_), "ending NCCL");
    const auto begin = Clock::now();
    NcclStatus state = NcclStatus::kInProgress;
    while (state == NcclStatus::kInProgress && Seconds(Clock::now() - begin).count() < kFinalizeSeconds) {
      check(nccl_.async_error(comm_, state), "ending NCCL");
      if (state == NcclStatus::kInProgress) std::this_thread::sleep_for(kPoll);
    }
    if (state != NcclStatus::kSuccess) return false;
    nccl_.destroy(comm_);
    comm_ = nullptr;
    return true;
  } catch (const std::exception& error) {
    log::warn("{}", error.what());
    return comm_ == nullptr;
  }
}

void NcclCommunicator::abort() noexcept {
  if (drop_graphs_) drop_graphs_();
  if (comm_ != nullptr) nccl_.abort(comm_);
  comm_ = nullptr;
  last_.reset();
}

void NcclCommunicator::fail(const char* name, const std::string& what) {
  broken_ = fmt::format("rank {}: {} failed: {}", rank(), name, what);
  if (!capturing_) abort();  // nothing runs yet, and NCCL would wait for the capture: left to the destructor
  throw CommError(*broken_);
}

void NcclCommunicator::refuse_after_failure() const {
  if (broken_) throw CommError(*broken_);
}

void NcclCommunicator::check(NcclStatus status, const char* name) {
  if (status == NcclStatus::kSuccess || status == NcclStatus::kInProgress) return;
  fail(name, fmt::format("{}; {}", nccl_.text(status, comm_), advice(status)));
}

void NcclCommunicator::check_progress(const char* name, Clock::time_point since) {
  NcclStatus state = NcclStatus::kSuccess;
  check(nccl_.async_error(comm_, state), name);
  check(state, name);
  if (settings_.timeout > Seconds::zero() && Clock::now() - since > settings_.timeout) {
    fail(name, fmt::format("not finished after {:g} s; look for a rank that ended or is slow, by the last line of each "
                           "one's log; NCCL_DEBUG=INFO shows connections, a larger comm.timeout waits longer",
                           settings_.timeout.count()));
  }
}

void NcclCommunicator::wait_until_enqueued(const char* name) {
  const auto begin = Clock::now();
  for (;;) {
    NcclStatus state = NcclStatus::kSuccess;
    check(nccl_.async_error(comm_, state), name);
    if (state == NcclStatus::kSuccess) return;
    check_progress(name, begin);
    std::this_thread::sleep_for(kPoll);
  }
}

template <class Enqueue>
Request NcclCommunicator::launch(const char* name, std::size_t count, Enqueue&& enqueue) {
  refuse_after_failure();
  if (count == 0) return {};
  const auto ready = events_.record(compute_);
  device_.wait(stream_, ready.get());
  for (std::size_t first = 0; first < count;) {
    check(nccl_.group_start(), name);
    NcclStatus status = NcclStatus::kSuccess;
    for (std::size_t calls = 0; calls < kCallsPerGroup && first < count; ++calls, first += settings_.max_count) {
      const NcclStatus piece = enqueue(first, std::min(settings_.max_count, count - first));
      if (piece != NcclStatus::kSuccess && piece != NcclStatus::kInProgress) status = piece;
    }
    const NcclStatus end = nccl_.group_end();  // also where a call in it went wrong: groups must be closed
    check(status, name);
    check(end, name);
    wait_until_enqueued(name);  // only then does an event stand behind the group
  }
  auto end = events_.record(stream_);
  if (!capturing_) {
    last_ = end;
    last_name_ = name;
  }
  return Request(std::make_unique<Operation>(*this, name, std::move(end)));
}

void NcclCommunicator::begin_capture() {
  refuse_after_failure();
  BRAINMT_CHECK(!capturing_ && !last_, "{} is running when a capture begins", last_name_);
  capturing_ = true;
}

void NcclCommunicator::end_capture() noexcept { capturing_ = false; }

void NcclCommunicator::launched() {
  refuse_after_failure();
  last_ = events_.record(compute_);
  last_name_ = "all_reduce of a captured step";
}

Request NcclCommunicator::work_done() {
  return Request(std::make_unique<StreamMark>(device_, events_.record(compute_)));
}

void NcclCommunicator::settle() {
  refuse_after_failure();
  const auto begin = Clock::now();
  while (last_ && !device_.is_done(last_.get())) {
    check_progress(last_name_, begin);
    std::this_thread::sleep_for(kPoll);
  }
  last_.reset();
}

void NcclCommunicator::all_reduce(void* data, std::size_t count, DataType type, ReduceOp op) {
  all_reduce_async(data, count, type, op).wait();
  settle();
}

Request NcclCommunicator::all_reduce_async(void* data, std::size_t count, DataType type, ReduceOp op) {
  BRAINMT_CHECK(type != DataType::kByte, "bytes cannot be reduced");
  return launch("all_reduce", count, [&](std::size_t first, std::size_t chunk) {
    return nccl_.all_reduce(at(data, first, type), at(data, first, type), chunk, type, op, comm_, stream_);
  });
}

void NcclCommunicator::reduce_scatter(const void* send, void* receive, std::size_t count_per_rank, DataType type,
                                      ReduceOp op) {
  BRAINMT_CHECK(type != DataType::kByte, "bytes cannot be reduced");
  // One call whatever the length: a piece of each rank's part does not lie in one range. NCCL counts in size_t.
  launch("reduce_scatter", std::min<std::size_t>(count_per_rank, 1), [&](std::size_t, std::size_t) {
    return nccl_.reduce_scatter(send, receive, count_per_rank, type, op, comm_, stream_);
  }).wait();
  settle();
}

void NcclCommunicator::all_gather(const void* send, void* receive, std::size_t count_per_rank, DataType type) {
  launch("all_gather", std::min<std::size_t>(count_per_rank, 1), [&](std::size_t, std::size_t) {
    return nccl_.all_gather(send, receive, count_per_rank, type, comm_, stream_);
  }).wait();
  settle();
}

std::vector<std::vector<std::byte>> NcclCommunicator::all_gather_bytes(std::span<const std::byte> mine) {
  return host_.all_gather_bytes(mine);
}

void NcclCommunicator::broadcast(void* data, std::size_t count, DataType type, int root) {
  launch("broadcast", count, [&](std::size_t first, std::size_t chunk) {
    return nccl_.broadcast(at(data, first, type), chunk, type, root, comm_, stream_);
  }).wait();
  settle();
}

void NcclCommunicator::barrier() {
  settle();
  host_.barrier();
}

Request NcclCommunicator::exchange_async(int peer, const void* send, void* receive, std::size_t count, DataType type,
                                         int tag) {
  BRAINMT_CHECK(tag >= 0 && tag <= kMaxTag, "tag {}", tag);
  return launch("exchange", count, [&](std::size_t first, std::size_t chunk) {
    const NcclStatus status = nccl_.receive(at(receive, first, type), chunk, type, peer, comm_, stream_);
    const bool good = status == NcclStatus::kSuccess || status == NcclStatus::kInProgress;
    return good ? nccl_.send(at(send, first, type), chunk, type, peer, comm_, stream_) : status;
  });
}

}  // namespace brainmt::comm
