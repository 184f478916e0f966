// Every operation of every backend against plain arithmetic. Values are small integers, so sums are exact in every
// type and order. The MPI and NCCL backends also run with messages of at most 5 elements, to see long buffers split.
// Those for device memory run on a fake device, whose streams take every order that events allow.
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "comm/gather.hpp"
#include "comm/self_communicator.hpp"
#include "device_backends.hpp"

namespace brainmt::comm {
namespace {

constexpr std::size_t kCounts[] = {0, 1, 2, 5, 6, 31, 128, 1027};

// What rank r contributes at element i.
template <class T>
T value(int rank, std::size_t i) {
  return static_cast<T>((rank + 2) * static_cast<int>(i % 13) - 7 * rank);
}

template <class T>
std::vector<T> values(int rank, std::size_t count) {
  std::vector<T> all(count);
  for (std::size_t i = 0; i < count; ++i) all[i] = value<T>(rank, i);
  return all;
}

template <class T>
T reduced(int ranks, std::size_t i, ReduceOp op) {
  T result = value<T>(0, i);
  for (int r = 1; r < ranks; ++r) {
    const T next = value<T>(r, i);
    if (op == ReduceOp::kSum) result = static_cast<T>(result + next);
    if (op == ReduceOp::kMin) result = std::min(result, next);
    if (op == ReduceOp::kMax) result = std::max(result, next);
  }
  return result;
}

std::vector<Backend> backends() {
  std::vector<Backend> all;
  all.push_back({nullptr, mpi_world()});
  all.push_back({nullptr, std::make_unique<MpiCommunicator>(MPI_COMM_WORLD, 5)});
  all.push_back({nullptr, std::make_unique<SelfCommunicator>()});
  all.push_back(nccl_backend());
  all.push_back(nccl_backend(5));
  all.push_back(staged_backend());
  return all;
}

template <class T>
class CommunicatorTest : public testing::Test {};
using Types = testing::Types<float, double, std::int64_t, bf16>;
TYPED_TEST_SUITE(CommunicatorTest, Types);

TYPED_TEST(CommunicatorTest, AllReduce) {
  for (const auto& comm : backends()) {
    for (const ReduceOp op : {ReduceOp::kSum, ReduceOp::kMin, ReduceOp::kMax}) {
      for (const std::size_t count : kCounts) {
        auto waited = values<TypeParam>(comm->rank(), count), started = waited, expected = waited;
        for (std::size_t i = 0; i < count; ++i) expected[i] = reduced<TypeParam>(comm->size(), i, op);
        comm->all_reduce(waited.data(), count, data_type_of<TypeParam>, op);
        EXPECT_EQ(waited, expected);
        Request request = comm->all_reduce_async(started.data(), count, data_type_of<TypeParam>, op);
        while (!request.test()) {
        }
        EXPECT_EQ(started, expected);
      }
    }
  }
}

TYPED_TEST(CommunicatorTest, SeveralRequestsAtOnce) {
  for (const auto& comm : backends()) {
    std::vector<std::vector<TypeParam>> buffers;
    std::vector<Request> requests;
    for (const std::size_t count : kCounts) buffers.push_back(values<TypeParam>(comm->rank(), count));
    for (auto& buffer : buffers) {
      requests.push_back(comm->all_reduce_async(buffer.data(), buffer.size(), data_type_of<TypeParam>, ReduceOp::kSum));
    }
    requests.clear();  // an abandoned request is waited for
    comm->settle();
    for (const auto& buffer : buffers) {
      for (std::size_t i = 0; i < buffer.size(); ++i) {
        EXPECT_EQ(buffer[i], reduced<TypeParam>(comm->size(), i, ReduceOp::kSum));
      }
    }
  }
}

TYPED_TEST(CommunicatorTest, ReduceScatter) {
  for (const auto& comm : backends()) {
    for (const std::size_t count : kCounts) {
      const auto send = values<TypeParam>(comm->rank(), count * comm->size());
      std::vector<TypeParam> receive(count);
      comm->reduce_scatter(send.data(), receive.data(), count, data_type_of<TypeParam>, ReduceOp::kSum);
      for (std::size_t i = 0; i < count; ++i) {
        EXPECT_EQ(receive[i], reduced<TypeParam>(comm->size(), comm->rank() * count + i, ReduceOp::kSum));
      }
    }
  }
}

TYPED_TEST(CommunicatorTest, AllGather) {
  for (const auto& comm : backends()) {
    for (const std::size_t count : kCounts) {
      const auto send = values<TypeParam>(comm->rank(), count);
      std::vector<TypeParam> receive(count * comm->size());
      comm->all_gather(send.data(), receive.data(), count, data_type_of<TypeParam>);
      for (std::size_t i = 0; i < receive.size(); ++i) {
        EXPECT_EQ(receive[i], value<TypeParam>(static_cast<int>(i / count), i % count));
      }
    }
  }
}

TYPED_TEST(CommunicatorTest, Broadcast) {
  for (const auto& comm : backends()) {
    for (int root = 0; root < comm->size(); ++root) {
      for (const std::size_t count : kCounts) {
        auto data = values<TypeParam>(comm->rank(), count);
        comm->broadcast(data.data(), count, data_type_of<TypeParam>, root);
        EXPECT_EQ(data, values<TypeParam>(root, count));
      }
    }
  }
}

TYPED_TEST(CommunicatorTest, ExchangeWithMirrorRank) {
  for (const auto& comm : backends()) {
    const int peer = comm->size() - 1 - comm->rank();
    for (const std::size_t count : kCounts) {
      const auto send = values<TypeParam>(comm->rank(), count);
      std::vector<TypeParam> receive(count);
      comm->exchange(peer, send.data(), receive.data(), count, data_type_of<TypeParam>);
      EXPECT_EQ(receive, values<TypeParam>(peer, count));
    }
  }
}

TEST(Communicator, ExchangesWithOnePeerAreToldApartByTag) {
  const auto comm = mpi_world();
  const int peer = comm->size() - 1 - comm->rank();
  const bool first_half = comm->rank() < peer;
  std::int64_t send[2] = {10 + comm->rank(), 20 + comm->rank()}, receive[2] = {};
  Request requests[2];
  for (const int k : {0, 1}) {
    const int tag = first_half ? k : 1 - k;  // the two partners start them in opposite order
    requests[tag] = comm->exchange_async(peer, &send[tag], &receive[tag], 1, DataType::kInt64, tag);
  }
  for (Request& request : requests) request.wait();
  EXPECT_EQ(receive[0], 10 + peer);
  EXPECT_EQ(receive[1], 20 + peer);
}

TEST(Communicator, GatherInOrderTakesBlocksOfAnyLength) {
  for (const auto& comm : backends()) {
    for (const int longest : {0, 1, 9}) {
      const auto length = [&](int r) { return longest * ((r + 1) % 3); };
      std::vector<double> mine, expected;
      for (int r = 0; r < comm->size(); ++r) {
        for (int i = 0; i < length(r); ++i) {
          expected.push_back(100.0 * r + i);
          if (r == comm->rank()) mine.push_back(expected.back());
        }
      }
      EXPECT_EQ(gather_in_order<double>(*comm, mine), expected);
    }
  }
}

TEST(Communicator, BytesCannotBeReduced) {
  for (const auto& comm : backends()) {
    std::byte byte{};
    EXPECT_THROW(comm->all_reduce(&byte, 1, DataType::kByte, ReduceOp::kSum), InternalError);
  }
}

TEST(Communicator, AnErrorOfTheLibraryNamesRankAndOperation) {
  const auto comm = mpi_world();
  double value = 0;
  try {
    comm->broadcast(&value, 1, DataType::kDouble, /*root=*/comm->size());
    FAIL() << "a root outside the communicator was accepted";
  } catch (const CommError& error) {
    const std::string what = error.what();
    EXPECT_EQ(what.rfind(fmt::format("rank {}: broadcast failed", comm->rank()), 0), 0u) << what;
  }
}

}  // namespace
}  // namespace brainmt::comm
