#pragma once
// NCCL without NCCL: operations run on the streams of a fake device and go over a host communicator. Told so, a rank's
// operations hang, calls fail, and errors of other ranks arrive; what was called is counted.
#include <algorithm>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "comm/nccl_api.hpp"
#include "fake_device.hpp"

namespace brainmt::comm {

class FakeNccl final : public NcclApi {
 public:
  enum class Fault {
    kNone,
    kOperationHangs,  // the kernel never ends, as with a peer that does not come
    kEnqueueHangs,    // NCCL stays in progress, as while it connects to a peer that is gone
    kRemoteError,     // the kernel never ends and NCCL hears that a peer is gone
    kCallBlocks,      // the call never comes back
    kCallFails,       // the call itself says no
    kInitHangs,
    kInitFails
  };

  /// Its operations go over `host`; both outlive it.
  FakeNccl(Communicator& host, FakeDevice& device) : host_(host), device_(device) {}

  Fault fault = Fault::kNone;
  Id given{};  // to init
  int inits = 0, aborts = 0, finalizes = 0, destroys = 0, groups = 0, operations = 0;
  int graphs = 0;  // that live and hold its operations: the test's to count

  NcclStatus unique_id(Id& id) override {
    for (std::size_t i = 0; i < id.size(); ++i) id[i] = static_cast<std::byte>(7 * i + 3);
    return NcclStatus::kSuccess;
  }
  NcclStatus init(Comm& comm, int size, const Id& id, int rank) override {
    BRAINMT_CHECK(size == host_.size() && rank == host_.rank());
    ++inits;
    given = id;
    if (fault == Fault::kInitFails) return NcclStatus::kInvalidUsage;
    comm = this;
    state_ = fault == Fault::kInitHangs ? kStuck : 3;
    return NcclStatus::kInProgress;
  }
  NcclStatus async_error(Comm comm, NcclStatus& state) override {
    BRAINMT_CHECK(comm == this, "a communicator that is gone");
    if (state_ > 0 && state_ < kStuck) --state_;
    state = remote_error_ ? NcclStatus::kRemoteError : state_ > 0 ? NcclStatus::kInProgress : NcclStatus::kSuccess;
    return NcclStatus::kSuccess;
  }
  NcclStatus finalize(Comm) override {
    ++finalizes;
    state_ = 2;
    return NcclStatus::kInProgress;
  }
  NcclStatus destroy(Comm) override {
    ++destroys;
    return NcclStatus::kSuccess;
  }
  NcclStatus abort(Comm) override {
    BRAINMT_CHECK(graphs == 0, "NCCL would wait for the graphs that use it");
    ++aborts;
    aborted_ = true;
    return NcclStatus::kSuccess;
  }

  NcclStatus group_start() override {
    BRAINMT_CHECK(state_ == 0, "NCCL is still busy with the last group");
    ++groups;
    return NcclStatus::kSuccess;
  }
  NcclStatus group_end() override {
    BRAINMT_CHECK(receives_.empty(), "an exchange without its other half");
    state_ = fault == Fault::kEnqueueHangs ? kStuck : 2;
    remote_error_ = fault == Fault::kRemoteError;
    return NcclStatus::kInProgress;
  }

  NcclStatus all_reduce(const void* send, void* receive, std::size_t count, DataType type, ReduceOp op, Comm,
                        Stream stream) override {
    BRAINMT_CHECK(send == receive);
    return run(stream, [=, this] { host_.all_reduce(device_.host(receive), count, type, op); });
  }
  NcclStatus reduce_scatter(const void* send, void* receive, std::size_t count_per_rank, DataType type, ReduceOp op,
                            Comm, Stream stream) override {
    return run(stream, [=, this] {
      host_.reduce_scatter(device_.host(send), device_.host(receive), count_per_rank, type, op);
    });
  }
  NcclStatus all_gather(const void* send, void* receive, std::size_t count_per_rank, DataType type, Comm,
                        Stream stream) override {
    return run(stream,
               [=, this] { host_.all_gather(device_.host(send), device_.host(receive), count_per_rank, type); });
  }
  NcclStatus broadcast(void* data, std::size_t count, DataType type, int root, Comm, Stream stream) override {
    return run(stream, [=, this] { host_.broadcast(device_.host(data), count, type, root); });
  }
  NcclStatus receive(void* data, std::size_t, DataType, int, Comm, Stream) override {
    receives_.push_back(data);
    return NcclStatus::kInProgress;
  }
  NcclStatus send(const void* data, std::size_t count, DataType type, int peer, Comm, Stream stream) override {
    void* const into = receives_.back();
    receives_.pop_back();
    return run(stream, [=, this] { host_.exchange(peer, device_.host(data), device_.host(into), count, type); });
  }

  std::string text(NcclStatus status, Comm) override { return fmt::format("status {}", static_cast<int>(status)); }

 private:
  static constexpr int kStuck = 1 << 30;

  NcclStatus run(Stream stream, std::function<void()> work) {
    if (fault == Fault::kCallFails) return NcclStatus::kSystemError;
    if (fault == Fault::kCallBlocks) std::this_thread::sleep_for(std::chrono::hours(1));
    ++operations;
    device_.calls.push_back("operation on " + device_.name(stream));
    device_.enqueue(stream, [this, work = std::move(work)] {  // more than once, where it is part of a graph
      if (aborted_) return true;                              // over, with whatever is in the buffers
      if (fault == Fault::kRemoteError) remote_error_ = true;
      const bool hangs = fault == Fault::kOperationHangs || fault == Fault::kRemoteError;
      if (!hangs) work();
      return !hangs;
    });
    return NcclStatus::kInProgress;
  }

  Communicator& host_;
  FakeDevice& device_;
  int state_ = 0;  // polls until NCCL is no longer in progress
  bool remote_error_ = false, aborted_ = false;
  std::vector<void*> receives_;
};

}  // namespace brainmt::comm
