#include "cuda/nccl.hpp"

#include <fmt/format.h>
#include <nccl.h>

#include <cstring>

static_assert(NCCL_VERSION_CODE >= NCCL_VERSION(2, 14, 0), "NCCL 2.14 brought communicators that do not block");

namespace brainmt::cuda {
namespace {

using comm::DataType;
using comm::NcclApi;
using comm::NcclStatus;
using comm::ReduceOp;

static_assert(static_cast<int>(NcclStatus::kCudaError) == ncclUnhandledCudaError);
static_assert(static_cast<int>(NcclStatus::kSystemError) == ncclSystemError);
static_assert(static_cast<int>(NcclStatus::kInternalError) == ncclInternalError);
static_assert(static_cast<int>(NcclStatus::kInvalidArgument) == ncclInvalidArgument);
static_assert(static_cast<int>(NcclStatus::kInvalidUsage) == ncclInvalidUsage);
static_assert(static_cast<int>(NcclStatus::kRemoteError) == ncclRemoteError);
static_assert(static_cast<int>(NcclStatus::kInProgress) == ncclInProgress);
static_assert(sizeof(NcclApi::Id) == sizeof(ncclUniqueId));

NcclStatus status_of(ncclResult_t result) { return static_cast<NcclStatus>(result); }
ncclComm_t comm_of(NcclApi::Comm comm) { return static_cast<ncclComm_t>(comm); }
cudaStream_t stream_of(NcclApi::Stream stream) { return static_cast<cudaStream_t>(stream); }

ncclDataType_t to_nccl(DataType type) {
  switch (type) {
    case DataType::kByte:
      return ncclUint8;
    case DataType::kInt64:
      return ncclInt64;
    case DataType::kBfloat16:
      return ncclBfloat16;
    case DataType::kFloat:
      return ncclFloat32;
    case DataType::kDouble:
      return ncclFloat64;
  }
  return ncclNumTypes;
}

ncclRedOp_t to_nccl(ReduceOp op) {
  switch (op) {
    case ReduceOp::kSum:
      return ncclSum;
    case ReduceOp::kMin:
      return ncclMin;
    case ReduceOp::kMax:
      return ncclMax;
  }
  return ncclNumOps;
}

class NcclLibrary final : public NcclApi {
 public:
  NcclStatus unique_id(Id& id) override {
    ncclUniqueId made;
    const ncclResult_t result = ncclGetUniqueId(&made);
    if (result == ncclSuccess) std::memcpy(id.data(), &made, sizeof(made));
    return status_of(result);
  }
  NcclStatus init(Comm& comm, int size, const Id& id, int rank) override {
    ncclUniqueId given;
    std::memcpy(&given, id.data(), sizeof(given));
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    ncclComm_t made = nullptr;
    const ncclResult_t result = ncclCommInitRankConfig(&made, size, given, rank, &config);
    comm = made;
    return status_of(result);
  }
  NcclStatus async_error(Comm comm, NcclStatus& state) override {
    ncclResult_t found = ncclSuccess;
    const ncclResult_t result = ncclCommGetAsyncError(comm_of(comm), &found);
    state = status_of(found);
    return status_of(result);
  }
  NcclStatus finalize(Comm comm) override { return status_of(ncclCommFinalize(comm_of(comm))); }
  NcclStatus destroy(Comm comm) override { return status_of(ncclCommDestroy(comm_of(comm))); }
  NcclStatus abort(Comm comm) override { return status_of(ncclCommAbort(comm_of(comm))); }

  NcclStatus group_start() override { return status_of(ncclGroupStart()); }
  NcclStatus group_end() override { return status_of(ncclGroupEnd()); }

  NcclStatus all_reduce(const void* send, void* receive, std::size_t count, DataType type, ReduceOp op, Comm comm,
                        Stream stream) override {
    return status_of(ncclAllReduce(send, receive, count, to_nccl(type), to_nccl(op), comm_of(comm), stream_of(stream)));
  }
  NcclStatus reduce_scatter(const void* send, void* receive, std::size_t count_per_rank, DataType type, ReduceOp op,
                            Comm comm, Stream stream) override {
    return status_of(
        ncclReduceScatter(send, receive, count_per_rank, to_nccl(type), to_nccl(op), comm_of(comm), stream_of(stream)));
  }
  NcclStatus all_gather(const void* send, void* receive, std::size_t count_per_rank, DataType type, Comm comm,
                        Stream stream) override {
    return status_of(ncclAllGather(send, receive, count_per_rank, to_nccl(type), comm_of(comm), stream_of(stream)));
  }
  NcclStatus broadcast(void* data, std::size_t count, DataType type, int root, Comm comm, Stream stream) override {
    return status_of(ncclBroadcast(data, data, count, to_nccl(type), root, comm_of(comm), stream_of(stream)));
  }
  NcclStatus send(const void* data, std::size_t count, DataType type, int peer, Comm comm, Stream stream) override {
    return status_of(ncclSend(data, count, to_nccl(type), peer, comm_of(comm), stream_of(stream)));
  }
  NcclStatus receive(void* data, std::size_t count, DataType type, int peer, Comm comm, Stream stream) override {
    return status_of(ncclRecv(data, count, to_nccl(type), peer, comm_of(comm), stream_of(stream)));
  }

  std::string text(NcclStatus status, Comm comm) override {
    const char* const last = ncclGetLastError(comm_of(comm));
    const char* const name = ncclGetErrorString(static_cast<ncclResult_t>(status));
    return last != nullptr && *last != '\0' ? fmt::format("{} ({})", name, last) : name;
  }
};

}  // namespace

std::unique_ptr<comm::NcclApi> make_nccl() { return std::make_unique<NcclLibrary>(); }

std::string nccl_version() {
  int code = 0;
  if (ncclGetVersion(&code) != ncclSuccess) return "unknown";
  return fmt::format("{}.{}.{}", code / 10000, code / 100 % 100, code % 100);
}

}  // namespace brainmt::cuda
