#include "comm/self_communicator.hpp"

#include <cstring>

#include "base/error.hpp"

namespace brainmt::comm {
namespace {

void copy(const void* from, void* to, std::size_t count, DataType type) {
  if (count > 0) std::memcpy(to, from, count * bytes_of(type));
}

}  // namespace

void SelfCommunicator::all_reduce(void*, std::size_t, DataType type, ReduceOp) {
  BRAINMT_CHECK(type != DataType::kByte, "bytes cannot be reduced");
}

Request SelfCommunicator::all_reduce_async(void* data, std::size_t count, DataType type, ReduceOp op) {
  all_reduce(data, count, type, op);
  return {};
}

void SelfCommunicator::reduce_scatter(const void* send, void* receive, std::size_t count_per_rank, DataType type,
                                      ReduceOp) {
  BRAINMT_CHECK(type != DataType::kByte, "bytes cannot be reduced");
  copy(send, receive, count_per_rank, type);
}

void SelfCommunicator::all_gather(const void* send, void* receive, std::size_t count_per_rank, DataType type) {
  copy(send, receive, count_per_rank, type);
}

std::vector<std::vector<std::byte>> SelfCommunicator::all_gather_bytes(std::span<const std::byte> mine) {
  return {{mine.begin(), mine.end()}};
}

void SelfCommunicator::broadcast(void*, std::size_t, DataType, int root) {
  BRAINMT_CHECK(root == 0, "root {} of one rank", root);
}

Request SelfCommunicator::exchange_async(int peer, const void* send, void* receive, std::size_t count, DataType type,
                                         int) {
  BRAINMT_CHECK(peer == 0, "peer {} of one rank", peer);
  copy(send, receive, count, type);
  return {};
}

}  // namespace brainmt::comm
