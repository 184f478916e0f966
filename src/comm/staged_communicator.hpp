#pragma once
// Communicator for device memory over one of the host, staged through page-locked memory. For builds without NCCL, or
// where comm.backend=mpi asks for it.
//
// Pipeline of three stages, device to host, all-reduce, host to device, the copies on streams of their own. Collectives
// start in the order of the calls, which is the same on all ranks; test() and wait() of any request progress all.
#include <deque>
#include <functional>
#include <memory>

#include "comm/communicator.hpp"
#include "comm/device_handles.hpp"

namespace brainmt::comm {

class StagedCommunicator final : public Communicator {
 public:
  /// `host`, `device` and `compute` outlive the communicator, and it outlives its requests.
  StagedCommunicator(Communicator& host, DeviceApi& device, DeviceApi::Stream compute);
  /// Waits for all transfers.
  ~StagedCommunicator() override;

  int rank() const override { return host_.rank(); }
  int size() const override { return host_.size(); }

  void all_reduce(void* data, std::size_t count, DataType type, ReduceOp op) override;
  Request all_reduce_async(void* data, std::size_t count, DataType type, ReduceOp op) override;
  void reduce_scatter(const void* send, void* receive, std::size_t count_per_rank, DataType type, ReduceOp op) override;
  void all_gather(const void* send, void* receive, std::size_t count_per_rank, DataType type) override;
  /// Host memory, as in every communicator.
  std::vector<std::vector<std::byte>> all_gather_bytes(std::span<const std::byte> mine) override;
  void broadcast(void* data, std::size_t count, DataType type, int root) override;
  void barrier() override;
  Request exchange_async(int peer, const void* send, void* receive, std::size_t count, DataType type, int tag) override;

  Request work_done() override;
  void settle() override;

 private:
  // The communication between ranks, from page-locked `send` to page-locked `receive`.
  using Crossing = std::function<Request(void* send, void* receive)>;
  struct Transfer;
  class Operation;

  // `bytes` each way; `in_place`: the crossing takes one block.
  Request transfer(const void* from, std::size_t bytes_out, void* to, std::size_t bytes_back, bool in_place,
                   Crossing crossing);
  void run(const void* from, std::size_t bytes_out, void* to, std::size_t bytes_back, Crossing crossing);
  void progress();
  void send_back(Transfer& transfer);

  Communicator& host_;
  DeviceApi& device_;
  DeviceApi::Stream compute_;
  OwnedStream out_, back_;
  EventPool events_;
  PinnedPool pinned_;
  std::deque<std::shared_ptr<Transfer>> pending_;    // in the order in which they were started; not on the way back yet
  std::deque<std::shared_ptr<Transfer>> returning_;  // in the order of the stream
};

}  // namespace brainmt::comm
