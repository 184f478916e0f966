#include "comm/mpi_communicator.hpp"

#include <algorithm>
#include <numeric>

#include "base/error.hpp"

namespace brainmt::comm {
namespace {

MPI_Datatype to_mpi(DataType type) {
  switch (type) {
    case DataType::kByte:
      return MPI_BYTE;
    case DataType::kBfloat16:
      return MPI_UINT16_T;  // moved as it is; reduced by operations of our own
    case DataType::kInt64:
      return MPI_INT64_T;
    case DataType::kFloat:
      return MPI_FLOAT;
    case DataType::kDouble:
      return MPI_DOUBLE;
  }
  return MPI_DATATYPE_NULL;
}

// MPI has no bfloat16: into[i] := op(from[i], into[i]) in float, rounded.
template <class Op>
void reduce_bf16(void* from, void* into, int* count, MPI_Datatype*) {
  const auto* const a = static_cast<const bf16*>(from);
  auto* const b = static_cast<bf16*>(into);
  for (int i = 0; i < *count; ++i) b[i] = Op{}(static_cast<float>(a[i]), static_cast<float>(b[i]));
}
struct Sum {
  float operator()(float a, float b) const { return a + b; }
};
struct Min {
  float operator()(float a, float b) const { return std::min(a, b); }
};
struct Max {
  float operator()(float a, float b) const { return std::max(a, b); }
};

std::byte* at(void* data, std::size_t element, DataType type) {
  return static_cast<std::byte*>(data) + element * bytes_of(type);
}

const std::byte* at(const void* data, std::size_t element, DataType type) {
  return static_cast<const std::byte*>(data) + element * bytes_of(type);
}

void check_code(int code, const char* operation, int rank) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw CommError(
      fmt::format("rank {}: {} failed: {}; look for an earlier message of another rank", rank, operation, text));
}

// The pieces of one long operation, finished together.
class MpiOperation final : public Request::Operation {
 public:
  MpiOperation(std::vector<MPI_Request> requests, const char* name, int rank)
      : requests_(std::move(requests)), name_(name), rank_(rank) {}
  ~MpiOperation() override { MPI_Waitall(count(), requests_.data(), MPI_STATUSES_IGNORE); }

  bool test() override {
    int finished = 0;
    check_code(MPI_Testall(count(), requests_.data(), &finished, MPI_STATUSES_IGNORE), name_, rank_);
    return finished != 0;
  }
  void wait() override { check_code(MPI_Waitall(count(), requests_.data(), MPI_STATUSES_IGNORE), name_, rank_); }

 private:
  int count() const { return static_cast<int>(requests_.size()); }

  std::vector<MPI_Request> requests_;  // finished ones become MPI_REQUEST_NULL, so a second wait is harmless
  const char* name_;
  int rank_;
};

}  // namespace

MpiCommunicator::MpiCommunicator(MPI_Comm source, std::size_t max_count) : max_count_(max_count) {
  BRAINMT_CHECK(max_count > 0 && max_count <= static_cast<std::size_t>(std::numeric_limits<int>::max()));
  check(MPI_Comm_dup(source, &comm_), "duplicating the communicator");
  check(MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN), "setting the error handler");
  check(MPI_Comm_rank(comm_, &rank_), "asking for the rank");
  check(MPI_Comm_size(comm_, &size_), "asking for the size");
  constexpr int kCommutes = 1;
  check(MPI_Op_create(reduce_bf16<Sum>, kCommutes, &bf16_sum_), "making an operation");
  check(MPI_Op_create(reduce_bf16<Min>, kCommutes, &bf16_min_), "making an operation");
  check(MPI_Op_create(reduce_bf16<Max>, kCommutes, &bf16_max_), "making an operation");
}

MpiCommunicator::~MpiCommunicator() {
  int finalized = 0;
  MPI_Finalized(&finalized);
  if (finalized || comm_ == MPI_COMM_NULL) return;
  MPI_Comm_free(&comm_);
  for (MPI_Op* op : {&bf16_sum_, &bf16_min_, &bf16_max_}) MPI_Op_free(op);
}

MPI_Op MpiCommunicator::operation(ReduceOp op, DataType type) const {
  const bool own = type == DataType::kBfloat16;
  switch (op) {
    case ReduceOp::kSum:
      return own ? bf16_sum_ : MPI_SUM;
    case ReduceOp::kMin:
      return own ? bf16_min_ : MPI_MIN;
    case ReduceOp::kMax:
      return own ? bf16_max_ : MPI_MAX;
  }
  return MPI_OP_NULL;
}

void MpiCommunicator::check(int code, const char* operation) const { check_code(code, operation, rank_); }

template <class Call>
void MpiCommunicator::in_chunks(const char* operation, std::size_t count, Call&& call) const {
  for (std::size_t first = 0; first < count; first += max_count_) {
    check(call(first, static_cast<int>(std::min(max_count_, count - first))), operation);
  }
}

void MpiCommunicator::all_reduce(void* data, std::size_t count, DataType type, ReduceOp op) {
  BRAINMT_CHECK(type != DataType::kByte, "bytes cannot be reduced");
  in_chunks("all_reduce", count, [&](std::size_t first, int chunk) {
    return MPI_Allreduce(MPI_IN_PLACE, at(data, first, type), chunk, to_mpi(type), operation(op, type), comm_);
  });
}

Request MpiCommunicator::all_reduce_async(void* data, std::size_t count, DataType type, ReduceOp op) {
  BRAINMT_CHECK(type != DataType::kByte, "bytes cannot be reduced");
  constexpr const char* kName = "asynchronous all_reduce";
  std::vector<MPI_Request> requests;
  in_chunks(kName, count, [&](std::size_t first, int chunk) {
    return MPI_Iallreduce(MPI_IN_PLACE, at(data, first, type), chunk, to_mpi(type), operation(op, type), comm_,
                          &requests.emplace_back(MPI_REQUEST_NULL));
  });
  return Request(std::make_unique<MpiOperation>(std::move(requests), kName, rank_));
}

void MpiCommunicator::reduce_scatter(const void* send, void* receive, std::size_t count_per_rank, DataType type,
                                     ReduceOp op) {
  BRAINMT_CHECK(type != DataType::kByte, "bytes cannot be reduced");
  if (count_per_rank * size_ <= max_count_) {
    check(MPI_Reduce_scatter_block(send, receive, static_cast<int>(count_per_rank), to_mpi(type), operation(op, type),
                                   comm_),
          "reduce_scatter");
    return;
  }
  // Pieces of all blocks are not contiguous, so a long one is a reduction to each rank in turn.
  for (int root = 0; root < size_; ++root) {
    in_chunks("reduce_scatter", count_per_rank, [&](std::size_t first, int chunk) {
      return MPI_Reduce(at(send, root * count_per_rank + first, type), at(receive, first, type), chunk, to_mpi(type),
                        operation(op, type), root, comm_);
    });
  }
}

void MpiCommunicator::all_gather(const void* send, void* receive, std::size_t count_per_rank, DataType type) {
  if (count_per_rank * size_ <= max_count_) {
    const int count = static_cast<int>(count_per_rank);
    check(MPI_Allgather(send, count, to_mpi(type), receive, count, to_mpi(type), comm_), "all_gather");
    return;
  }
  std::copy_n(at(send, 0, type), count_per_rank * bytes_of(type), at(receive, rank_ * count_per_rank, type));
  for (int root = 0; root < size_; ++root) {
    broadcast(at(receive, root * count_per_rank, type), count_per_rank, type, root);
  }
}

std::vector<std::vector<std::byte>> MpiCommunicator::all_gather_bytes(std::span<const std::byte> mine) {
  const auto my_bytes = static_cast<std::int64_t>(mine.size());
  std::vector<std::int64_t> bytes(size_);
  all_gather(&my_bytes, bytes.data(), 1, DataType::kInt64);

  std::vector<std::vector<std::byte>> gathered;
  const auto total = static_cast<std::size_t>(std::accumulate(bytes.begin(), bytes.end(), std::int64_t{0}));
  if (total <= max_count_) {
    std::vector<int> counts(bytes.begin(), bytes.end()), offsets(size_);
    std::exclusive_scan(counts.begin(), counts.end(), offsets.begin(), 0);
    std::vector<std::byte> all(total);
    check(MPI_Allgatherv(mine.data(), counts[rank_], MPI_BYTE, all.data(), counts.data(), offsets.data(), MPI_BYTE,
                         comm_),
          "all_gather_bytes");
    for (int r = 0; r < size_; ++r) {
      gathered.emplace_back(all.begin() + offsets[r], all.begin() + offsets[r] + counts[r]);
    }
    return gathered;
  }
  for (int root = 0; root < size_; ++root) {
    std::vector<std::byte>& part = gathered.emplace_back(static_cast<std::size_t>(bytes[root]));
    if (root == rank_) part.assign(mine.begin(), mine.end());
    broadcast(part.data(), part.size(), DataType::kByte, root);
  }
  return gathered;
}

void MpiCommunicator::broadcast(void* data, std::size_t count, DataType type, int root) {
  in_chunks("broadcast", count, [&](std::size_t first, int chunk) {
    return MPI_Bcast(at(data, first, type), chunk, to_mpi(type), root, comm_);
  });
}

void MpiCommunicator::barrier() { check(MPI_Barrier(comm_), "barrier"); }

Request MpiCommunicator::exchange_async(int peer, const void* send, void* receive, std::size_t count, DataType type,
                                        int tag) {
  BRAINMT_CHECK(tag >= 0 && tag <= kMaxTag, "tag {}", tag);
  constexpr const char* kName = "exchange";
  std::vector<MPI_Request> requests;
  in_chunks(kName, count, [&](std::size_t first, int chunk) {
    return MPI_Irecv(at(receive, first, type), chunk, to_mpi(type), peer, tag, comm_,
                     &requests.emplace_back(MPI_REQUEST_NULL));
  });
  in_chunks(kName, count, [&](std::size_t first, int chunk) {
    return MPI_Isend(at(send, first, type), chunk, to_mpi(type), peer, tag, comm_,
                     &requests.emplace_back(MPI_REQUEST_NULL));
  });
  return Request(std::make_unique<MpiOperation>(std::move(requests), kName, rank_));
}

}  // namespace brainmt::comm
