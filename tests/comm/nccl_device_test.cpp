// The communicator over NCCL itself and the one through the host, on devices: one for each rank, or it skips.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "comm/nccl_communicator.hpp"
#include "comm/staged_communicator.hpp"
#include "cuda/nccl.hpp"
#include "cuda/runtime.hpp"
#include "support.hpp"

namespace brainmt::comm {
namespace {

// The test's own use of the runtime.
void must(cudaError_t code) { BRAINMT_CHECK(code == cudaSuccess, "{}", cudaGetErrorString(code)); }

class NcclDevice : public testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    const int devices = cuda::device_count(why);
    if (devices == 0) GTEST_SKIP() << "missing hardware, a CUDA device: " << why;
    if (devices < host_->size())
      GTEST_SKIP() << "missing hardware, a CUDA device for each of " << host_->size() << " ranks (here: " << devices
                   << ")";
    must(cudaSetDevice(host_->rank()));
    must(cudaStreamCreateWithFlags(&compute_, cudaStreamNonBlocking));
    runtime_ = cuda::make_runtime(host_->rank());
    nccl_ = cuda::make_nccl();
    comms_.push_back(std::make_unique<NcclCommunicator>(
        *host_, *nccl_, *runtime_, compute_,
        NcclCommunicator::Settings{.timeout = std::chrono::seconds(60), .max_count = 1000}));
    comms_.push_back(std::make_unique<StagedCommunicator>(*host_, *runtime_, compute_));
  }
  void TearDown() override {
    comms_.clear();
    if (compute_ != nullptr) must(cudaStreamDestroy(compute_));
  }

  template <class T>
  T* on_device(const std::vector<T>& values) {
    void* block = nullptr;
    must(cudaMalloc(&block, std::max<std::size_t>(values.size() * sizeof(T), 1)));
    must(cudaMemcpy(block, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice));
    return static_cast<T*>(block);
  }
  template <class T>
  std::vector<T> taken_back(T* block, std::size_t count) {
    std::vector<T> values(count);
    must(cudaStreamSynchronize(compute_));
    must(cudaMemcpy(values.data(), block, count * sizeof(T), cudaMemcpyDeviceToHost));
    must(cudaFree(block));
    return values;
  }

  std::unique_ptr<Communicator> host_ = mpi_world();
  cudaStream_t compute_ = nullptr;
  std::unique_ptr<DeviceApi> runtime_;
  std::unique_ptr<NcclApi> nccl_;
  std::vector<std::unique_ptr<Communicator>> comms_;
};

template <class T>
std::vector<T> values(int rank, std::size_t count) {
  std::vector<T> all(count);
  for (std::size_t i = 0; i < count; ++i)
    all[i] = static_cast<T>(static_cast<float>(rank + 1) * static_cast<float>(i % 13));
  return all;
}

TEST_F(NcclDevice, SumsInEveryType) {
  const auto check = [&]<class T>(Communicator& comm, T) {
    for (const std::size_t count : {std::size_t{1}, std::size_t{999}, std::size_t{5001}}) {
      T* const data = on_device(values<T>(comm.rank(), count));
      comm.all_reduce_async(data, count, data_type_of<T>, ReduceOp::kSum).wait();
      comm.settle();
      const auto sum = taken_back(data, count);
      const int factor = comm.size() * (comm.size() + 1) / 2;
      for (std::size_t i = 0; i < count; ++i)
        ASSERT_EQ(static_cast<float>(sum[i]), static_cast<float>(factor) * static_cast<float>(i % 13));
    }
  };
  for (const auto& comm : comms_) {
    check(*comm, float{});
    check(*comm, double{});
    check(*comm, std::int64_t{});
    check(*comm, bf16{});
  }
}

TEST_F(NcclDevice, ExchangesWithTheMirrorRank) {
  for (const auto& comm : comms_) {
    const int peer = comm->size() - 1 - comm->rank();
    constexpr std::size_t kCount = 2500;
    float* const send = on_device(values<float>(comm->rank(), kCount));
    float* const receive = on_device(std::vector<float>(kCount, -1));
    comm->exchange(peer, send, receive, kCount, DataType::kFloat);
    EXPECT_EQ(taken_back(receive, kCount), values<float>(peer, kCount));
    must(cudaFree(send));
  }
}

TEST_F(NcclDevice, GathersScattersAndBroadcasts) {
  for (const auto& comm : comms_) {
    constexpr std::size_t kCount = 700;
    const auto ranks = static_cast<std::size_t>(comm->size());
    float* const mine = on_device(values<float>(comm->rank(), kCount));
    float* const all = on_device(std::vector<float>(kCount * ranks));
    comm->all_gather(mine, all, kCount, DataType::kFloat);
    comm->reduce_scatter(all, mine, kCount, DataType::kFloat, ReduceOp::kMax);  // the same on every rank: part r
    EXPECT_EQ(taken_back(mine, kCount), values<float>(comm->rank(), kCount));
    comm->broadcast(all, kCount, DataType::kFloat, comm->size() - 1);
    EXPECT_EQ(taken_back(all, kCount), values<float>(0, kCount));
  }
}

TEST(NcclLibrary, SaysItsVersion) { EXPECT_EQ(cuda::nccl_version().rfind("2.", 0), 0u) << cuda::nccl_version(); }

}  // namespace
}  // namespace brainmt::comm
