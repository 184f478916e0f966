// Stands in for the CUDA run time, cuBLASLt and our kernels, on host memory, so that everything of cuda/gemm.hpp but
// the library's own arithmetic is tested without a GPU: what it asks for, in which layout, with which pointers. A
// definition here takes precedence over the library's. Stricter than the original where a mistake would otherwise pass:
// pointers less aligned than an algorithm was chosen for, misaligned workspaces, and a matrix beside C (the input of
// GELU) that cublasLt.h does not allow, are refused.
#include <cublasLt.h>
#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "base/bfloat16.hpp"
#include "cuda/layout_kernels.hpp"
#include "kernels/ref/activations.hpp"

namespace {

using brainmt::bf16;

// Attributes as they were set, by number.
struct Attributes {
  std::map<int, std::vector<std::byte>> bytes;

  void set(int attribute, const void* data, std::size_t size) {
    const auto* first = static_cast<const std::byte*>(data);
    bytes[attribute].assign(first, first + size);
  }
  template <class Value>
  Value get(int attribute, Value otherwise) const {
    const auto found = bytes.find(attribute);
    if (found == bytes.end()) return otherwise;
    Value value;
    std::memcpy(&value, found->second.data(), sizeof(value));
    return value;
  }
};

struct Layout {
  cudaDataType type;
  std::uint64_t rows, cols;
  std::int64_t ld;
};

template <class To, class From>
To& as(From* pointer) {
  return *reinterpret_cast<To*>(pointer);
}

double load(const void* data, std::int64_t i, cudaDataType type) {
  if (type == CUDA_R_64F) return static_cast<const double*>(data)[i];
  if (type == CUDA_R_32F) return static_cast<const float*>(data)[i];
  return static_cast<const bf16*>(data)[i];
}

void store(void* data, std::int64_t i, cudaDataType type, double value) {
  if (type == CUDA_R_64F)
    static_cast<double*>(data)[i] = value;
  else if (type == CUDA_R_32F)
    static_cast<float*>(data)[i] = static_cast<float>(value);
  else
    static_cast<bf16*>(data)[i] = static_cast<float>(value);
}

bool aligned(const void* data, std::uint64_t to) { return reinterpret_cast<std::uintptr_t>(data) % to == 0; }

// Element (row, col) of op(memory), column-major.
double element(const void* data, const Layout& layout, bool transpose, std::int64_t row, std::int64_t col) {
  return load(data, transpose ? col + row * layout.ld : row + col * layout.ld, layout.type);
}

// What a product does with its sums before it stores them.
struct Epilogue {
  cublasLtEpilogue_t kind;
  const void* bias;
  cudaDataType bias_type;
  void* aux;  // the input of GELU
  std::int64_t aux_ld;

  Epilogue(const Attributes& matmul, const Layout& d)
      : kind(matmul.get(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_DEFAULT)),
        bias(matmul.get<const void*>(CUBLASLT_MATMUL_DESC_BIAS_POINTER, nullptr)),
        bias_type(static_cast<cudaDataType>(matmul.get<std::int32_t>(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, d.type))),
        aux(matmul.get<void*>(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, nullptr)),
        aux_ld(matmul.get<std::int64_t>(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, 0)) {}

  bool adds_bias() const { return kind == CUBLASLT_EPILOGUE_BIAS || kind == CUBLASLT_EPILOGUE_GELU_AUX_BIAS; }
  bool has_gelu() const { return kind == CUBLASLT_EPILOGUE_GELU_AUX_BIAS || kind == CUBLASLT_EPILOGUE_DGELU; }
  bool is_valid(const Layout& d) const {
    if (kind != CUBLASLT_EPILOGUE_DEFAULT && !adds_bias() && !has_gelu()) return false;
    if (adds_bias() && bias == nullptr) return false;
    return !has_gelu() || (aux != nullptr && aux_ld % 8 == 0 && aux_ld >= static_cast<std::int64_t>(d.rows));
  }
  // None with eight columns of ours or in fp64; GELU in bf16 alone.
  bool is_supported(const Layout& d) const {
    if (kind != CUBLASLT_EPILOGUE_DEFAULT && (d.rows == 8 || d.type == CUDA_R_64F)) return false;
    return !has_gelu() || d.type == CUDA_R_16BF;
  }
  double operator()(double sum, std::int64_t row, std::int64_t col, cudaDataType type) const {
    using Gelu = brainmt::kernels::ref::GeluTanh;
    if (adds_bias()) sum += load(bias, row, bias_type);
    if (kind == CUBLASLT_EPILOGUE_DGELU) return sum * Gelu::slope(load(aux, row + col * aux_ld, type));
    if (kind != CUBLASLT_EPILOGUE_GELU_AUX_BIAS) return sum;
    store(aux, row + col * aux_ld, type, sum);
    return Gelu::value(sum);
  }
};

// In bytes, no more than the vendor layer's plans know of (its tensors are aligned to 64).
unsigned alignment(const void* data) {
  unsigned to = 64;
  while (!aligned(data, to)) to /= 2;
  return to;
}

bool transposes(const Attributes& matmul, cublasLtMatmulDescAttributes_t which) {
  return matmul.get<std::int32_t>(which, CUBLAS_OP_N) == CUBLAS_OP_T;
}

float clock_ms = 0;

}  // namespace

extern "C" {

cudaError_t cudaMalloc(void** data, std::size_t bytes) {
  constexpr std::size_t kAlignment = 256;
  return *data = std::aligned_alloc(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment), cudaSuccess;
}
cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }
// A "start" reads the clock, a "stop" reads it after the runs between them; every product takes a tenth less than
// the one before, so the last candidate is the fastest.
cudaError_t cudaEventCreate(cudaEvent_t* event) {
  return *event = reinterpret_cast<cudaEvent_t>(new float(0)), cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) { return delete reinterpret_cast<float*>(event), cudaSuccess; }
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) { return as<float>(event) = clock_ms, cudaSuccess; }
cudaError_t cudaEventSynchronize(cudaEvent_t) { return cudaSuccess; }
cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t start, cudaEvent_t stop) {
  return *ms = as<float>(stop) - as<float>(start), cudaSuccess;
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) { return *handle = nullptr, CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* matmul, cublasComputeType_t, cudaDataType_t) {
  return *matmul = reinterpret_cast<cublasLtMatmulDesc_t>(new Attributes), CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t matmul) {
  return delete &as<Attributes>(matmul), CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t matmul, cublasLtMatmulDescAttributes_t attribute,
                                              const void* data, std::size_t size) {
  return as<Attributes>(matmul).set(attribute, data, size), CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType type, std::uint64_t rows,
                                          std::uint64_t cols, std::int64_t ld) {
  return *layout = reinterpret_cast<cublasLtMatrixLayout_t>(new Layout{type, rows, cols, ld}), CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  return delete &as<Layout>(layout), CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  return *preference = reinterpret_cast<cublasLtMatmulPreference_t>(new Attributes), CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  return delete &as<Attributes>(preference), CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute, const void* data,
                                                    std::size_t size) {
  return as<Attributes>(preference).set(attribute, data, size), CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulAlgoConfigGetAttribute(const cublasLtMatmulAlgo_t*, cublasLtMatmulAlgoConfigAttributes_t,
                                                    void*, std::size_t, std::size_t*) {
  return CUBLAS_STATUS_NOT_SUPPORTED;
}

// Three algorithms of growing workspace.
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t matmul, cublasLtMatrixLayout_t,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int,
                                              cublasLtMatmulHeuristicResult_t* results, int* count) {
  *count = 0;
  const Epilogue epilogue(as<Attributes>(matmul), as<Layout>(d));
  if (!epilogue.is_valid(as<Layout>(d))) return CUBLAS_STATUS_INVALID_VALUE;
  if (!epilogue.is_supported(as<Layout>(d))) return CUBLAS_STATUS_NOT_SUPPORTED;
  const auto& wishes = as<Attributes>(preference);
  for (; *count < 3; ++*count) {
    cublasLtMatmulHeuristicResult_t& result = results[*count];
    result = {};
    result.workspaceSize = static_cast<std::size_t>(*count) * 100;
    result.algo.data[0] = wishes.get<std::uint32_t>(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, 256);
    result.algo.data[1] = wishes.get<std::uint32_t>(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, 256);
    result.algo.data[2] = wishes.get<std::uint32_t>(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, 256);
    result.algo.data[3] = wishes.get<std::uint32_t>(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, 256);
    // The library has no preference for these: it looks at the addresses that it is asked with.
    result.algo.data[4] = epilogue.adds_bias() ? alignment(epilogue.bias) : 0;
    result.algo.data[5] = epilogue.has_gelu() ? alignment(epilogue.aux) : 0;
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t matmul, const void* alpha, const void* a,
                              cublasLtMatrixLayout_t a_layout, const void* b, cublasLtMatrixLayout_t b_layout,
                              const void* beta, const void* c, cublasLtMatrixLayout_t c_layout, void* d,
                              cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t* algo, void* workspace,
                              std::size_t workspace_bytes, cudaStream_t) {
  const auto& how = as<Attributes>(matmul);
  const auto &la = as<Layout>(a_layout), &lb = as<Layout>(b_layout), &lc = as<Layout>(c_layout),
             &ld = as<Layout>(d_layout);
  const bool ta = transposes(how, CUBLASLT_MATMUL_DESC_TRANSA), tb = transposes(how, CUBLASLT_MATMUL_DESC_TRANSB);
  const auto inner = static_cast<std::int64_t>(ta ? la.rows : la.cols);
  if (la.type != lb.type || inner != static_cast<std::int64_t>(tb ? lb.cols : lb.rows) ||
      ld.rows != (ta ? la.cols : la.rows) || ld.cols != (tb ? lb.rows : lb.cols))
    return CUBLAS_STATUS_INVALID_VALUE;
  if (!aligned(a, algo->data[0]) || !aligned(b, algo->data[1]) || !aligned(c, algo->data[2]) ||
      !aligned(d, algo->data[3]) || !aligned(workspace, 256) || (workspace == nullptr) != (workspace_bytes == 0))
    return CUBLAS_STATUS_INVALID_VALUE;
  const Epilogue epilogue(how, ld);
  if (!epilogue.is_valid(ld) || !epilogue.is_supported(ld)) return CUBLAS_STATUS_INVALID_VALUE;
  if ((epilogue.adds_bias() && alignment(epilogue.bias) < algo->data[4]) ||
      (epilogue.has_gelu() && alignment(epilogue.aux) < algo->data[5]))
    return CUBLAS_STATUS_INVALID_VALUE;
  const cudaDataType scale = ld.type == CUDA_R_64F ? CUDA_R_64F : CUDA_R_32F;
  for (std::int64_t col = 0; col < static_cast<std::int64_t>(ld.cols); ++col)
    for (std::int64_t row = 0; row < static_cast<std::int64_t>(ld.rows); ++row) {
      double sum = 0;
      for (std::int64_t k = 0; k < inner; ++k) sum += element(a, la, ta, row, k) * element(b, lb, tb, k, col);
      sum *= load(alpha, 0, scale);
      if (load(beta, 0, scale) != 0) sum += load(beta, 0, scale) * element(c, lc, false, row, col);
      store(d, row + col * ld.ld, ld.type, epilogue(sum, row, col, ld.type));
    }
  static float cost = 1000;
  clock_ms += cost *= 0.9f;
  return CUBLAS_STATUS_SUCCESS;
}

}  // extern "C"

namespace brainmt::cuda::detail {

cudaError_t launch_round(cudaStream_t, __nv_bfloat16* to, const float* from, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) store(to, i, CUDA_R_16BF, from[i]);
  return cudaSuccess;
}

namespace {
template <class Bias>
cudaError_t add_to_rows(void* c, cudaDataType type, const Bias* bias, bool relu, std::int64_t rows, std::int64_t cols,
                        std::int64_t ld) {
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < cols; ++j) {
      const double value = load(c, i * ld + j, type) + (bias != nullptr ? bias[j] : Bias(0));
      store(c, i * ld + j, type, relu && value < 0 ? 0 : value);
    }
  return cudaSuccess;
}
}  // namespace

cudaError_t launch_add_bias(cudaStream_t, double* c, const double* bias, bool relu, std::int64_t rows,
                            std::int64_t cols, std::int64_t ld) {
  return add_to_rows(c, CUDA_R_64F, bias, relu, rows, cols, ld);
}
cudaError_t launch_add_bias(cudaStream_t, float* c, const float* bias, bool relu, std::int64_t rows, std::int64_t cols,
                            std::int64_t ld) {
  return add_to_rows(c, CUDA_R_32F, bias, relu, rows, cols, ld);
}
cudaError_t launch_add_bias(cudaStream_t, __nv_bfloat16* c, const float* bias, bool relu, std::int64_t rows,
                            std::int64_t cols, std::int64_t ld) {
  return add_to_rows(c, CUDA_R_16BF, bias, relu, rows, cols, ld);
}

// Convolutions and attention are not emulated.
cudaError_t launch_sum_rows(cudaStream_t, float*, __nv_bfloat16*, std::int64_t, std::int64_t, std::int64_t, bool,
                            bool) {
  return cudaErrorNotSupported;
}
cudaError_t launch_channels_last(cudaStream_t, float*, const float*, std::int64_t, std::int64_t, std::int64_t) {
  return cudaErrorNotSupported;
}
cudaError_t launch_channels_last(cudaStream_t, __nv_bfloat16*, const float*, std::int64_t, std::int64_t, std::int64_t) {
  return cudaErrorNotSupported;
}
cudaError_t launch_add_gradient(cudaStream_t, float*, const float*, std::int64_t, std::int64_t, std::int64_t) {
  return cudaErrorNotSupported;
}
cudaError_t launch_add_gradient(cudaStream_t, float*, const __nv_bfloat16*, std::int64_t, std::int64_t, std::int64_t) {
  return cudaErrorNotSupported;
}

}  // namespace brainmt::cuda::detail
