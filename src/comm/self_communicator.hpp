#pragma once
// One rank and no library: every reduction is the identity, every gather a copy.
#include "comm/communicator.hpp"

namespace brainmt::comm {

class SelfCommunicator final : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }

  void all_reduce(void* data, std::size_t count, DataType type, ReduceOp op) override;
  Request all_reduce_async(void* data, std::size_t count, DataType type, ReduceOp op) override;
  void reduce_scatter(const void* send, void* receive, std::size_t count_per_rank, DataType type, ReduceOp op) override;
  void all_gather(const void* send, void* receive, std::size_t count_per_rank, DataType type) override;
  std::vector<std::vector<std::byte>> all_gather_bytes(std::span<const std::byte> mine) override;
  void broadcast(void* data, std::size_t count, DataType type, int root) override;
  void barrier() override {}
  Request exchange_async(int peer, const void* send, void* receive, std::size_t count, DataType type, int tag) override;
  bool can_capture() const override { return true; }  // there is nothing to capture
};

}  // namespace brainmt::comm
