// Status codes as typed one-line errors.
#include "cuda/error.hpp"

#include <gtest/gtest.h>

namespace brainmt::cuda {
namespace {

template <class Expected, class Status>
std::string thrown_by(Status status) {
  try {
    check(status, "product of [{}, {}]", 3, 5);
  } catch (const Expected& error) {
    return error.what();
  }
  return "another exception, or none";
}

TEST(CudaError, SuccessReturns) {
  EXPECT_NO_THROW(check(cudaSuccess, "nothing"));
  EXPECT_NO_THROW(check(CUBLAS_STATUS_SUCCESS, "nothing"));
  EXPECT_NO_THROW(check(CUDNN_STATUS_SUCCESS, "nothing"));
}

TEST(CudaError, OutOfMemoryOfEveryLibraryIsItsOwnType) {
  const std::vector<std::string> texts{thrown_by<DeviceMemoryError>(cudaErrorMemoryAllocation),
                                       thrown_by<DeviceMemoryError>(CUBLAS_STATUS_ALLOC_FAILED),
                                       thrown_by<DeviceMemoryError>(CUDNN_STATUS_ALLOC_FAILED)};
  for (const std::string& text : texts) {
    EXPECT_NE(text.find("out of memory in product of [3, 5]"), std::string::npos) << text;
    EXPECT_NE(text.find("model.recompute=block"), std::string::npos) << text;
  }
}

TEST(CudaError, OutOfMemorySaysWhatWasAskedAndWhatIsFree) {
  const std::size_t gib = std::size_t{1} << 30;
  EXPECT_EQ(out_of_memory_text("the frame chunk", 5 * gib / 2, {gib / 2, 80 * gib}, 3),
            "GPU 3: out of memory in the frame chunk, asked for 2.50 GiB, 512.0 MiB of 80.00 GiB free: try "
            "model.recompute=block, a smaller run.batch_size or a smaller model.frame_chunk");
  EXPECT_EQ(out_of_memory_text("validation", 2 * gib, {gib, 80 * gib}, 0, 20 * gib),
            "GPU 0: out of memory in validation, asked for 2.00 GiB, 1.00 GiB of 80.00 GiB free: captured steps hold "
            "20.00 GiB: set device.graphs=false, or try model.recompute=block, a smaller run.batch_size or a smaller "
            "model.frame_chunk");
  EXPECT_EQ(out_of_memory_text("x", 0, {0, 0}, 0).find("asked"), std::string::npos);
  EXPECT_THROW(fail_out_of_memory("a test", 1), DeviceMemoryError);
}

TEST(CudaError, MissingDevicesAreTheUsersToMend) {
  EXPECT_NE(thrown_by<UsageError>(cudaErrorNoDevice).find("no GPU"), std::string::npos);
  EXPECT_NE(thrown_by<UsageError>(cudaErrorInsufficientDriver).find("driver"), std::string::npos);
  EXPECT_NE(thrown_by<UsageError>(cudaErrorDevicesUnavailable).find("another process"), std::string::npos);
}

TEST(CudaError, OthersNameOperationSizesAndLibrary) {
  EXPECT_EQ(
      thrown_by<InternalError>(cudaErrorIllegalAddress).rfind("product of [3, 5]: CUDA: cudaErrorIllegalAddress", 0),
      0u);
  EXPECT_EQ(thrown_by<InternalError>(CUBLAS_STATUS_NOT_SUPPORTED).rfind("product of [3, 5]: cuBLASLt: ", 0), 0u);
  EXPECT_EQ(thrown_by<InternalError>(CUDNN_STATUS_BAD_PARAM).rfind("product of [3, 5]: cuDNN: ", 0), 0u);
}

}  // namespace
}  // namespace brainmt::cuda
