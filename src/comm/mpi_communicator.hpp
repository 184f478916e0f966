#pragma once
// The communicator over MPI. It works on its own duplicate of the given MPI_Comm, so its messages are separate from
// other libraries', with errors returned and every return code checked. MPI counts are ints: longer buffers go in
// several calls of at most `max_count` elements.
#include <mpi.h>

#include <limits>

#include "comm/communicator.hpp"

namespace brainmt::comm {

class MpiCommunicator final : public Communicator {
 public:
  /// Collective over `source`. Tests make max_count small, to see the splitting of long buffers.
  explicit MpiCommunicator(MPI_Comm source, std::size_t max_count = std::numeric_limits<int>::max());
  ~MpiCommunicator() override;

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  /// For libraries that take an MPI_Comm (HDF5); lives as long as this object.
  MPI_Comm handle() const { return comm_; }

  void all_reduce(void* data, std::size_t count, DataType type, ReduceOp op) override;
  Request all_reduce_async(void* data, std::size_t count, DataType type, ReduceOp op) override;
  void reduce_scatter(const void* send, void* receive, std::size_t count_per_rank, DataType type, ReduceOp op) override;
  void all_gather(const void* send, void* receive, std::size_t count_per_rank, DataType type) override;
  std::vector<std::vector<std::byte>> all_gather_bytes(std::span<const std::byte> mine) override;
  void broadcast(void* data, std::size_t count, DataType type, int root) override;
  void barrier() override;
  Request exchange_async(int peer, const void* send, void* receive, std::size_t count, DataType type, int tag) override;

 private:
  /// call(first, chunk) for consecutive pieces [first, first + chunk) of [0, count); throws on a bad return code.
  template <class Call>
  void in_chunks(const char* operation, std::size_t count, Call&& call) const;
  void check(int code, const char* operation) const;
  MPI_Op operation(ReduceOp op, DataType type) const;

  MPI_Comm comm_ = MPI_COMM_NULL;
  std::size_t max_count_;
  int rank_ = 0;
  int size_ = 1;
  MPI_Op bf16_sum_ = MPI_OP_NULL, bf16_min_ = MPI_OP_NULL, bf16_max_ = MPI_OP_NULL;
};

}  // namespace brainmt::comm
