#include "cuda/gemm.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/plan_cache.hpp"
#include "cuda/choices.hpp"
#include "cuda/error.hpp"
#include "cuda/gemm_layout.hpp"
#include "cuda/layout.hpp"

namespace brainmt::cuda {
namespace {

constexpr std::size_t kWorkspace = std::size_t{32} << 20;  // recommended for Hopper
constexpr int kSuggestions = 8;

// A library object that is destroyed with its owner.
template <class Opaque, cublasStatus_t (*Destroy)(Opaque*)>
struct Owned {
  struct Deleter {
    void operator()(Opaque* object) const { Destroy(object); }
  };
  using Pointer = std::unique_ptr<Opaque, Deleter>;
};
using OwnedMatmul = Owned<cublasLtMatmulDescOpaque_t, cublasLtMatmulDescDestroy>::Pointer;
using OwnedLayout = Owned<cublasLtMatrixLayoutOpaque_t, cublasLtMatrixLayoutDestroy>::Pointer;
using OwnedPreference = Owned<cublasLtMatmulPreferenceOpaque_t, cublasLtMatmulPreferenceDestroy>::Pointer;

// Never destroyed: at exit the CUDA run time may be gone before it. Safe to share between threads.
cublasLtHandle_t handle() {
  static const cublasLtHandle_t instance = [] {
    cublasLtHandle_t created = nullptr;
    check(cublasLtCreate(&created), "start of cuBLASLt");
    return created;
  }();
  return instance;
}

cudaDataType_t data_type(DType t) {
  return t == DType::kF32 ? CUDA_R_32F : t == DType::kBf16 ? CUDA_R_16BF : CUDA_R_64F;
}

enum class Gelu { kNone, kForward, kBackward };

// A GEMM in cuBLASLt's terms.
struct Problem {
  AnyMatrix c;
  AnyMatrix a, b;
  const void* bias;  // bf16 for bf16 C, else C's master type
  bool accumulate = false;
  Gelu gelu = Gelu::kNone;
  AnyMatrix pre{};  // with GELU, of C's shape and type: written forward, read backward

  std::string text() const {
    const auto operand = [](const AnyMatrix& x) {
      return fmt::format("{}[{}, {}] ({}, {})", name_of(x.dtype), x.rows, x.cols, x.row_stride, x.col_stride);
    };
    std::string text = fmt::format("gemm {}[{}, {}] ({}){} = {} {}{}", name_of(c.dtype), c.rows, c.cols, c.row_stride,
                                   accumulate ? " +" : "", operand(a), operand(b), bias != nullptr ? " + bias" : "");
    if (gelu != Gelu::kNone)
      text += fmt::format(", gelu {} ({})", gelu == Gelu::kForward ? "forward" : "backward", pre.row_stride);
    return text;
  }
};

struct Plan {
  OwnedMatmul matmul;
  OwnedLayout a, b, c;
  cublasLtMatmulAlgo_t algorithm{};
  std::size_t workspace = 0;
  bool adds_bias = false;  // in the GEMM's epilogue
  bool exists = true;      // false: the library has no such GEMM with GELU
};

template <class Value>
void set(const OwnedMatmul& matmul, cublasLtMatmulDescAttributes_t attribute, const Value& value) {
  check(cublasLtMatmulDescSetAttribute(matmul.get(), attribute, &value, sizeof(value)), "attribute {} of a product",
        static_cast<int>(attribute));
}
template <class Value>
void set(const OwnedPreference& preference, cublasLtMatmulPreferenceAttributes_t attribute, const Value& value) {
  check(cublasLtMatmulPreferenceSetAttribute(preference.get(), attribute, &value, sizeof(value)),
        "preference {} of a product", static_cast<int>(attribute));
}

// Alignment of an address in bytes, as far as it follows from the shape: the tensor pool aligns to 64, and plans and
// choices must not depend on where a tensor happens to lie. Vector loads and bulk copies ask for 16.
std::uint32_t alignment(const void* address) {
  constexpr std::uintptr_t kMaxAlignment = 64;
  const auto bits = reinterpret_cast<std::uintptr_t>(address) | kMaxAlignment;
  return static_cast<std::uint32_t>(bits & (~bits + 1));
}

// The addresses of what an epilogue reads and writes besides C. The heuristic reads their alignment off them.
void set_epilogue_pointers(const OwnedMatmul& matmul, const Problem& p, bool with_bias) {
  if (with_bias) set(matmul, CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.bias);
  if (p.gelu != Gelu::kNone) set(matmul, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, p.pre.data);
}

// BGRAD epilogues are not used: they assign the gradient of a bias in C's type, where ours is added to in fp32.
void set_epilogue(const OwnedMatmul& matmul, const Problem& p, bool with_bias) {
  cublasLtEpilogue_t epilogue = with_bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
  if (p.gelu == Gelu::kForward) epilogue = CUBLASLT_EPILOGUE_GELU_AUX_BIAS;
  if (p.gelu == Gelu::kBackward) epilogue = CUBLASLT_EPILOGUE_DGELU;
  set(matmul, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue);
  if (with_bias) set(matmul, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, std::int32_t{data_type(p.c.dtype)});
  if (p.gelu != Gelu::kNone) set(matmul, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, p.pre.row_stride);
  set_epilogue_pointers(matmul, p, with_bias);
}

OwnedMatmul make_matmul(const Problem& p, const Context& context, bool transpose_a, bool transpose_b, bool with_bias) {
  const bool fp64 = p.c.dtype == DType::kF64;
  const auto fp32 = context.tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  const cublasComputeType_t compute =
      fp64 ? CUBLAS_COMPUTE_64F : (p.a.dtype == DType::kF32 ? fp32 : CUBLAS_COMPUTE_32F);
  cublasLtMatmulDesc_t created = nullptr;
  check(cublasLtMatmulDescCreate(&created, compute, fp64 ? CUDA_R_64F : CUDA_R_32F), "{}", p.text());
  OwnedMatmul matmul(created);
  // The library's A is our B', and the other way round (gemm_layout.hpp).
  const auto op = [](bool transpose) { return std::int32_t{transpose ? CUBLAS_OP_T : CUBLAS_OP_N}; };
  set(matmul, CUBLASLT_MATMUL_DESC_TRANSA, op(transpose_b));
  set(matmul, CUBLASLT_MATMUL_DESC_TRANSB, op(transpose_a));
  set_epilogue(matmul, p, with_bias);
  return matmul;
}

OwnedLayout make_layout(DType type, std::int64_t rows, std::int64_t cols, std::int64_t ld) {
  cublasLtMatrixLayout_t created = nullptr;
  check(cublasLtMatrixLayoutCreate(&created, data_type(type), static_cast<std::uint64_t>(rows),
                                   static_cast<std::uint64_t>(cols), ld),
        "a layout of [{}, {}] with {} between columns", rows, cols, ld);
  return OwnedLayout(created);
}

OwnedPreference make_preference(const Problem& p) {
  cublasLtMatmulPreference_t created = nullptr;
  check(cublasLtMatmulPreferenceCreate(&created), "{}", p.text());
  OwnedPreference preference(created);
  set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{kWorkspace});
  // Partial sums of a split K in the output's type would be rounded to bf16; in the compute type and added in a second
  // step, they keep fp32 and a fixed order.
  set(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
      std::uint32_t{CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment(p.b.data));
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment(p.a.data));
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment(p.c.data));
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment(p.c.data));
  return preference;
}

std::vector<cublasLtMatmulHeuristicResult_t> suggestions(const Plan& plan, const Problem& p) {
  const OwnedPreference preference = make_preference(p);
  std::vector<cublasLtMatmulHeuristicResult_t> found(kSuggestions);
  int count = 0;
  const cublasStatus_t status =
      cublasLtMatmulAlgoGetHeuristic(handle(), plan.matmul.get(), plan.b.get(), plan.a.get(), plan.c.get(),
                                     plan.c.get(), preference.get(), kSuggestions, found.data(), &count);
  // Which of the two calls reports a missing GEMM differs between versions.
  if (status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_INVALID_VALUE) return {};
  check(status, "{}", p.text());
  found.resize(static_cast<std::size_t>(count));
  std::erase_if(found, [](const auto& result) { return result.state != CUBLAS_STATUS_SUCCESS; });
  return found;
}

std::string name_of_algorithm(const cublasLtMatmulAlgo_t& algorithm) {
  const auto value = [&](cublasLtMatmulAlgoConfigAttributes_t attribute) {
    std::int32_t v = -1;
    std::size_t written = 0;
    cublasLtMatmulAlgoConfigGetAttribute(&algorithm, attribute, &v, sizeof(v), &written);
    return v;
  };
  return fmt::format("algorithm {}, tile {}, split {}", value(CUBLASLT_ALGO_CONFIG_ID),
                     value(CUBLASLT_ALGO_CONFIG_TILE_ID), value(CUBLASLT_ALGO_CONFIG_SPLITK_NUM));
}

void run(const Context& context, const Plan& plan, const Problem& p, void* c) {
  const detail::Scratch workspace(context, plan.workspace, [&] { return "the workspace of " + p.text(); });
  set_epilogue_pointers(plan.matmul, p, plan.adds_bias);
  const float one = 1.0f, beta = p.accumulate ? 1.0f : 0.0f;
  const double one64 = one, beta64 = beta;
  const bool fp64 = p.c.dtype == DType::kF64;
  const cublasStatus_t status =
      cublasLtMatmul(handle(), plan.matmul.get(), fp64 ? static_cast<const void*>(&one64) : &one, p.b.data,
                     plan.b.get(), p.a.data, plan.a.get(), fp64 ? static_cast<const void*>(&beta64) : &beta, c,
                     plan.c.get(), c, plan.c.get(), &plan.algorithm, workspace.data(), plan.workspace, context.stream);
  if (status != CUBLAS_STATUS_SUCCESS) detail::fail(status, p.text());
}

std::size_t bytes_of(const AnyMatrix& c) {
  return static_cast<std::size_t>((c.rows - 1) * c.row_stride + c.cols) * size_of(c.dtype);
}

void choose_algorithm(const Context& context, Plan& plan, const Problem& p,
                      const std::vector<cublasLtMatmulHeuristicResult_t>& found) {
  // Suggestions depend on the alignment too, and their order is all that a choice names.
  const std::string key =
      fmt::format("{}, aligned to {}, {}, {}, {}, {}{}", p.text(), alignment(p.c.data), alignment(p.a.data),
                  alignment(p.b.data), alignment(p.bias), alignment(p.pre.data), context.tf32 ? ", tf32" : "");
  // Timing must not touch a C that is added to; one that is assigned is about to be overwritten anyway.
  detail::Scratch scratch;
  if (p.accumulate && detail::times(context))
    scratch = {context, bytes_of(p.c), [&] { return "timing of " + p.text(); }};
  void* c = scratch ? scratch.data() : p.c.data;
  const auto take = [&](const cublasLtMatmulHeuristicResult_t& result) {
    plan.algorithm = result.algo;
    plan.workspace = result.workspaceSize;
  };
  std::vector<detail::Candidate> candidates;
  for (std::size_t i = 0; i < found.size(); ++i)
    candidates.push_back({static_cast<int>(i), name_of_algorithm(found[i].algo), [&, i] {
                            take(found[i]);
                            run(context, plan, p, c);
                          }});
  take(found[detail::choose(context, key, candidates)]);
}

Plan make_plan(const Context& context, const Problem& p) {
  const auto layout = [&](const AnyMatrix& x) {
    const auto found = detail::column_major_transpose(x.rows, x.cols, x.row_stride, x.col_stride);
    BRAINMT_CHECK(found.has_value(), "{}: one stride of each operand must be 1", p.text());
    return *found;
  };
  const detail::ColumnMajor a = layout(p.a), b = layout(p.b);
  Plan plan;
  plan.a = make_layout(p.a.dtype, a.rows, a.cols, a.ld);
  plan.b = make_layout(p.b.dtype, b.rows, b.cols, b.ld);
  plan.c = make_layout(p.c.dtype, p.c.cols, p.c.rows, p.c.row_stride);
  std::vector<cublasLtMatmulHeuristicResult_t> found;
  if (p.bias != nullptr && p.c.dtype != DType::kF64) {  // there is no such epilogue for fp64
    plan.adds_bias = true;
    plan.matmul = make_matmul(p, context, a.transpose, b.transpose, true);
    found = suggestions(plan, p);
  }
  if (found.empty() && p.gelu != Gelu::kForward) {
    plan.adds_bias = false;
    plan.matmul = make_matmul(p, context, a.transpose, b.transpose, false);
    found = suggestions(plan, p);
  }
  if (found.empty() && p.gelu != Gelu::kNone) {
    plan.exists = false;
    return plan;
  }
  if (found.empty()) throw InternalError(fmt::format("{}: cuBLASLt has no algorithm for it", p.text()));
  choose_algorithm(context, plan, p, found);
  return plan;
}

PlanKey key_of(const Context& context, const Problem& p) {
  int device = 0;
  check(cudaGetDevice(&device), "the current GPU");
  const std::int64_t types = std::int64_t(p.a.dtype) * 16 + std::int64_t(p.b.dtype) * 4 + std::int64_t(p.c.dtype);
  const std::int64_t flags = std::int64_t(p.gelu) * 16 + std::int64_t{p.bias != nullptr} * 8 + p.accumulate * 4 +
                             context.tf32 * 2 + (context.selection == Selection::kTimed);
  return {p.c.rows,
          p.c.cols,
          p.a.cols,
          p.a.row_stride,
          p.a.col_stride,
          p.b.row_stride,
          p.b.col_stride,
          p.c.row_stride,
          p.pre.row_stride,
          types,
          flags,
          alignment(p.a.data),
          alignment(p.b.data),
          alignment(p.c.data),
          alignment(p.bias),
          alignment(p.pre.data),
          device};
}

// The operand itself, or its values rounded to bf16 in `block`, at the same strides.
AnyMatrix rounded(const Context& context, const AnyMatrix& x, DType wanted, detail::Scratch& block) {
  if (x.dtype == wanted) return x;
  const std::int64_t count = (x.rows - 1) * x.row_stride + (x.cols - 1) * x.col_stride + 1;
  block = {context, static_cast<std::size_t>(count) * size_of(DType::kBf16),
           [&] { return fmt::format("the bf16 copy of a matrix [{}, {}] for gemm", x.rows, x.cols); }};
  round_to_bf16(context.stream, block.data(), static_cast<const float*>(x.data), count);
  return {block.data(), DType::kBf16, x.rows, x.cols, x.row_stride, x.col_stride};
}

void check_product(const AnyMatrix& c, const AnyMatrix& a, const AnyMatrix& b) {
  const auto text = [&] {
    return fmt::format("{}[{}, {}] = {}[{}, {}] {}[{}, {}]", name_of(c.dtype), c.rows, c.cols, name_of(a.dtype), a.rows,
                       a.cols, name_of(b.dtype), b.rows, b.cols);
  };
  BRAINMT_CHECK(a.cols == b.rows && c.rows == a.rows && c.cols == b.cols && a.cols > 0, "{}", text());
  BRAINMT_CHECK(c.col_stride == 1 && (c.row_stride >= c.cols || c.rows == 1), "{}: strides {}, {}", text(),
                c.row_stride, c.col_stride);
  const bool fp64 = a.dtype == DType::kF64;
  BRAINMT_CHECK(fp64 == (b.dtype == DType::kF64) && fp64 == (c.dtype == DType::kF64), "{}", text());
  BRAINMT_CHECK(c.dtype != DType::kBf16 || a.dtype == DType::kBf16 || b.dtype == DType::kBf16, "{}", text());
}

// Runs the GEMM; false if the library has none with this GELU.
bool multiply(const Context& context, const Problem& wanted) {
  detail::Scratch bf16_a, bf16_b, bf16_bias;
  Problem p = wanted;
  const bool bf16 = p.a.dtype == DType::kBf16 || p.b.dtype == DType::kBf16;
  const DType type = bf16 ? DType::kBf16 : p.a.dtype;
  p.a = rounded(context, p.a, type, bf16_a);
  p.b = rounded(context, p.b, type, bf16_b);
  p.c.row_stride = std::max(p.c.row_stride, p.c.cols);
  if (p.bias != nullptr && p.c.dtype == DType::kBf16) {
    bf16_bias = {context, static_cast<std::size_t>(p.c.cols) * size_of(DType::kBf16),
                 [&] { return "the bias of " + p.text(); }};
    round_to_bf16(context.stream, bf16_bias.data(), static_cast<const float*>(p.bias), p.c.cols);
    p.bias = bf16_bias.data();
  }
  thread_local PlanCache<Plan> plans;
  const Plan& plan = plans.get(
      key_of(context, p), [&] { return make_plan(context, p); }, detail::adoptions());
  if (!plan.exists) return false;
  run(context, plan, p, p.c.data);
  if (p.bias != nullptr && !plan.adds_bias)
    add_bias(context.stream, p.c.data, p.c.dtype, wanted.bias, false, p.c.rows, p.c.cols, p.c.row_stride);
  return true;
}

// What cublasLt.h asks of the matrix beside C: its type is C's, its columns (our rows) lie a multiple of 8 elements
// apart; vector accesses want 16 bytes.
bool takes_gelu(const AnyMatrix& c, const AnyMatrix& pre) {
  BRAINMT_CHECK(c.rows == pre.rows && c.cols == pre.cols && c.dtype == pre.dtype && pre.col_stride == 1,
                "gelu of {}[{}, {}] beside {}[{}, {}]", name_of(c.dtype), c.rows, c.cols, name_of(pre.dtype), pre.rows,
                pre.cols);
  return c.dtype == DType::kBf16 && pre.row_stride >= pre.cols && pre.row_stride % 8 == 0 && alignment(pre.data) >= 16;
}

}  // namespace

void gemm(const Context& context, const AnyMatrix& c, const AnyMatrix& a, const AnyMatrix& b, const void* bias,
          bool accumulate) {
  if (c.rows == 0 || c.cols == 0) return;
  check_product(c, a, b);
  multiply(context, {.c = c, .a = a, .b = b, .bias = bias, .accumulate = accumulate});
}

bool gemm_gelu(const Context& context, const AnyMatrix& c, const AnyMatrix& pre, const AnyMatrix& a, const AnyMatrix& b,
               const void* bias) {
  check_product(c, a, b);
  BRAINMT_CHECK(bias != nullptr, "gelu of a product without a bias");
  if (!takes_gelu(c, pre)) return false;
  return multiply(context, {.c = c, .a = a, .b = b, .bias = bias, .gelu = Gelu::kForward, .pre = pre});
}

bool gemm_gelu_bwd(const Context& context, const AnyMatrix& c, const AnyMatrix& pre, const AnyMatrix& a,
                   const AnyMatrix& b) {
  check_product(c, a, b);
  if (!takes_gelu(c, pre)) return false;
  return multiply(context, {.c = c, .a = a, .b = b, .bias = nullptr, .gelu = Gelu::kBackward, .pre = pre});
}

}  // namespace brainmt::cuda
