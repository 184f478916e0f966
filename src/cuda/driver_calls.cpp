// Lazy stubs of the CUDA driver calls that Kokkos links, resolved with dlsym: linking libcuda.so.1 would keep the
// program from starting on login nodes without a driver.
#include <cuda.h>
#include <cuda_runtime_api.h>

namespace {

// Null where there is no driver, or none that knows the call.
template <class Call>
Call* find(const char* name) {
  void* entry = nullptr;
  cudaDriverEntryPointQueryResult found = cudaDriverEntryPointSymbolNotFound;
#if CUDART_VERSION >= 12050
  constexpr unsigned kOldestCuda = 12000;
  const cudaError_t status = cudaGetDriverEntryPointByVersion(name, &entry, kOldestCuda, cudaEnableDefault, &found);
#else
  const cudaError_t status = cudaGetDriverEntryPoint(name, &entry, cudaEnableDefault, &found);
#endif
  return status == cudaSuccess && found == cudaDriverEntryPointSuccess ? reinterpret_cast<Call*>(entry) : nullptr;
}

template <class... Parameters, class... Arguments>
CUresult call(CUresult (*)(Parameters...), const char* name, Arguments... arguments) {
  auto* const entry = find<CUresult(Parameters...)>(name);
  return entry != nullptr ? entry(arguments...) : CUDA_ERROR_NO_DEVICE;
}

}  // namespace

extern "C" {

CUresult CUDAAPI cuCtxGetDevice(CUdevice* device) { return call(&cuCtxGetDevice, "cuCtxGetDevice", device); }
CUresult CUDAAPI cuCtxPushCurrent(CUcontext context) { return call(&cuCtxPushCurrent, "cuCtxPushCurrent", context); }
CUresult CUDAAPI cuStreamGetCtx(CUstream stream, CUcontext* context) {
  return call(&cuStreamGetCtx, "cuStreamGetCtx", stream, context);
}

}  // extern "C"
