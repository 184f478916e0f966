#pragma once
// Interface of NCCL for the NCCL communicator. Implementations: the library (cuda/nccl.hpp), and a fake for tests whose
// ranks die, hang and report errors on demand. Every call of a communicator that does not block may answer kInProgress:
// async_error() then says how it went on.
#include <array>
#include <cstddef>
#include <string>

#include "comm/device_api.hpp"
#include "comm/types.hpp"

namespace brainmt::comm {

/// NCCL's own values.
enum class NcclStatus : int {
  kSuccess = 0,
  kCudaError = 1,
  kSystemError = 2,
  kInternalError = 3,
  kInvalidArgument = 4,
  kInvalidUsage = 5,
  kRemoteError = 6,
  kInProgress = 7
};

class NcclApi {
 public:
  using Comm = void*;
  using Stream = DeviceApi::Stream;
  using Id = std::array<std::byte, 128>;

  virtual ~NcclApi() = default;

  virtual NcclStatus unique_id(Id& id) = 0;
  /// Begins to make a communicator that does not block.
  virtual NcclStatus init(Comm& comm, int size, const Id& id, int rank) = 0;
  /// `state` := how the communicator's last call went on.
  virtual NcclStatus async_error(Comm comm, NcclStatus& state) = 0;
  /// Waits for all operations of all ranks, without blocking the host; then destroy() frees.
  virtual NcclStatus finalize(Comm comm) = 0;
  virtual NcclStatus destroy(Comm comm) = 0;
  /// Aborts running operations (independent of other ranks) and frees.
  virtual NcclStatus abort(Comm comm) = 0;

  virtual NcclStatus group_start() = 0;
  virtual NcclStatus group_end() = 0;
  virtual NcclStatus all_reduce(const void* send, void* receive, std::size_t count, DataType type, ReduceOp op,
                                Comm comm, Stream stream) = 0;
  virtual NcclStatus reduce_scatter(const void* send, void* receive, std::size_t count_per_rank, DataType type,
                                    ReduceOp op, Comm comm, Stream stream) = 0;
  virtual NcclStatus all_gather(const void* send, void* receive, std::size_t count_per_rank, DataType type, Comm comm,
                                Stream stream) = 0;
  virtual NcclStatus broadcast(void* data, std::size_t count, DataType type, int root, Comm comm, Stream stream) = 0;
  virtual NcclStatus send(const void* data, std::size_t count, DataType type, int peer, Comm comm, Stream stream) = 0;
  virtual NcclStatus receive(void* data, std::size_t count, DataType type, int peer, Comm comm, Stream stream) = 0;

  /// What NCCL says about `status`; `comm` may be null.
  virtual std::string text(NcclStatus status, Comm comm) = 0;
};

}  // namespace brainmt::comm
