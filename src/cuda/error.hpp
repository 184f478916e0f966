#pragma once
// Status codes of the CUDA libraries as typed errors. `what` says which operation failed and with which sizes; it is
// formatted only on failure.
//
//   out of device memory        -> DeviceMemoryError, which names the stage, what was asked, what is free, what to try
//   no device, driver too old   -> UsageError
//   everything else             -> InternalError with the library's own text
#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>
#include <fmt/format.h>

#include <string>

#include "cuda/device.hpp"

namespace brainmt::cuda {

namespace detail {
[[noreturn]] void fail(cudaError_t status, const std::string& what);
[[noreturn]] void fail(cublasStatus_t status, const std::string& what);
[[noreturn]] void fail(cudnnStatus_t status, const std::string& what);
constexpr bool is_success(cudaError_t status) { return status == cudaSuccess; }
constexpr bool is_success(cublasStatus_t status) { return status == CUBLAS_STATUS_SUCCESS; }
constexpr bool is_success(cudnnStatus_t status) { return status == CUDNN_STATUS_SUCCESS; }
}  // namespace detail

/// check(cudaMemcpyAsync(...), "copy of {} bytes", bytes): returns when `status` is success.
template <class Status, class... Args>
void check(Status status, fmt::format_string<Args...> what, Args&&... args) {
  if (!detail::is_success(status)) [[unlikely]]
    detail::fail(status, fmt::format(what, std::forward<Args>(args)...));
}

}  // namespace brainmt::cuda
