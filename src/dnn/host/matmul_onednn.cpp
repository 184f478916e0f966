// GEMM by oneDNN (fp32, bf16), and by plain loops of kernels/ref in fp64.
#include <optional>

#include "dnn/host/onednn.hpp"
#include "dnn/host/small_gemm.hpp"
#include "dnn/matmul.hpp"
#include "kernels/ref/gemm.hpp"

namespace brainmt::dnn {
namespace {

using detail::memory;

// From this many rows of A on, packing B into oneDNN's preferred layout pays: measured at 721 rows, it saves 5-15 % of
// the GEMM and costs 1-6 %.
constexpr std::int64_t kPackRows = 256;

memory::desc desc_of(const AnyMatrix& m) {
  return {{m.rows, m.cols}, detail::data_type(m.dtype), {m.row_stride, m.col_stride}};
}

bool is_bf16_matmul(const AnyMatrix& c, const AnyMatrix& a, const AnyMatrix& b) {
  return a.dtype == DType::kBf16 || b.dtype == DType::kBf16 || c.dtype == DType::kBf16;
}

struct Plan {
  detail::Executable matmul;
  memory::desc a, b, c, bias;                        // as the primitive takes them
  std::optional<detail::Executable> pack_a, pack_b;  // from the caller's layout and type, where those differ
};

Plan make_plan(const AnyMatrix& c, const AnyMatrix& a, const AnyMatrix& b, bool with_bias, bool accumulate) {
  using Desc = memory::desc;
  const DType type = is_bf16_matmul(c, a, b) ? DType::kBf16 : DType::kF32;
  const bool convert_a = a.dtype != type;
  const bool convert_b = b.dtype != type;
  // B of a weight gradient is used once, as are A's rows; only a weight that many rows share is worth packing.
  const bool pack_b = convert_b || (a.rows >= kPackRows && a.col_stride == 1);
  const Desc a_desc = convert_a ? Desc({a.rows, a.cols}, detail::data_type(type), detail::Dims{a.cols, 1}) : desc_of(a);
  const Desc b_desc = pack_b ? Desc({b.rows, b.cols}, detail::data_type(type), memory::format_tag::any) : desc_of(b);
  const Desc bias_desc = with_bias ? Desc({1, c.cols}, memory::data_type::f32, memory::format_tag::ab) : Desc();

  dnnl::primitive_attr attr = detail::attributes();
  if (accumulate) {
    dnnl::post_ops ops;
    ops.append_sum(1.0f);
    attr.set_post_ops(ops);
  }
  // Without a bias its description is empty.
  const auto pd = detail::describe<dnnl::matmul>(attr, a_desc, b_desc, bias_desc, desc_of(c));
  Plan plan{
      {dnnl::matmul(pd), pd.scratchpad_desc()}, pd.src_desc(), pd.weights_desc(), pd.dst_desc(), bias_desc, {}, {}};
  if (plan.a != desc_of(a)) plan.pack_a = detail::make_reorder(desc_of(a), plan.a);
  if (plan.b != desc_of(b)) plan.pack_b = detail::make_reorder(desc_of(b), plan.b);
  return plan;
}

// Calls `use` with the operand in the primitive's layout and type.
template <class Use>
void with_packed(const std::optional<detail::Executable>& pack, const AnyMatrix& from, const memory::desc& to,
                 Use&& use) {
  if (!pack) return use(detail::wrap(to, from.data));
  const detail::Scratch packed(to);
  detail::run_reorder(*pack, detail::wrap(desc_of(from), from.data), packed);
  use(packed);
}

void matmul_onednn(const AnyMatrix& c, const AnyMatrix& a, const AnyMatrix& b, const Tensor& bias, bool accumulate) {
  thread_local PlanCache<Plan> plans;
  const PlanKey key{a.rows,
                    b.cols,
                    a.cols,
                    a.row_stride,
                    a.col_stride,
                    b.row_stride,
                    b.col_stride,
                    c.row_stride,
                    std::int64_t(a.dtype),
                    std::int64_t(b.dtype),
                    std::int64_t(c.dtype),
                    bias.defined(),
                    accumulate};
  const Plan& plan = plans.get(key, [&] { return make_plan(c, a, b, bias.defined(), accumulate); });
  with_packed(plan.pack_a, a, plan.a, [&](const memory& packed_a) {
    with_packed(plan.pack_b, b, plan.b, [&](const memory& packed_b) {
      std::unordered_map<int, memory> arguments{
          {DNNL_ARG_SRC, packed_a}, {DNNL_ARG_WEIGHTS, packed_b}, {DNNL_ARG_DST, detail::wrap(plan.c, c.data)}};
      if (bias) arguments.emplace(DNNL_ARG_BIAS, detail::wrap(plan.bias, bias.raw()));
      plan.matmul.run(std::move(arguments));
    });
  });
}

// oneDNN 3 ignores the row stride of a C with one column and stores its rows contiguously (seen in 3.7.2,
// brg_matmul:avx512_core, under an emulator, 2026-11): the column stays what it was, and other elements are
// overwritten.
bool needs_dense_column(const AnyMatrix& c) { return DNNL_VERSION_MAJOR >= 3 && c.cols == 1 && c.row_stride != 1; }

// GEMM into a contiguous column, which is then copied to C.
void matmul_into_column(const AnyMatrix& c, const AnyMatrix& a, const AnyMatrix& b, const Tensor& bias,
                        bool accumulate) {
  const Tensor dense({c.rows, 1}, c.dtype);
  dispatch(c.dtype, [&]<class T>() {
    T* column = dense.data<T>();
    T* strided = static_cast<T*>(c.data);
    if (accumulate)
      for (std::int64_t i = 0; i < c.rows; ++i) column[i] = strided[i * c.row_stride];
    matmul_onednn(dense, a, b, bias, accumulate);
    for (std::int64_t i = 0; i < c.rows; ++i) strided[i * c.row_stride] = column[i];
  });
}

// The operand's elements, rounded to bf16, as an fp32 matrix.
Tensor rounded(const AnyMatrix& m) {
  const Tensor wide({m.rows, m.cols}, DType::kF32);
  dispatch(m.dtype, [&]<class T>() {
    const auto* from = static_cast<const T*>(m.data);
    auto* to = wide.data<float>();
    for (std::int64_t i = 0; i < m.rows; ++i)
      for (std::int64_t j = 0; j < m.cols; ++j)
        to[i * m.cols + j] = bf16(static_cast<float>(from[i * m.row_stride + j * m.col_stride]));
  });
  return wide;
}

// A bf16 GEMM without bf16 primitives: operands rounded as they would be, sums in fp32, and C rounded once.
void matmul_bf16_in_fp32(const AnyMatrix& c, const AnyMatrix& a, const AnyMatrix& b, const Tensor& bias,
                         bool accumulate) {
  const Tensor wide_a = rounded(a), wide_b = rounded(b);
  if (c.dtype == DType::kF32) return detail::run_matmul(c, wide_a, wide_b, bias, accumulate);
  const Tensor wide_c({c.rows, c.cols}, DType::kF32);
  matmul_onednn(wide_c, wide_a, wide_b, bias, false);
  const auto* from = wide_c.data<float>();
  auto* to = static_cast<bf16*>(c.data);
  for (std::int64_t i = 0; i < c.rows; ++i)
    for (std::int64_t j = 0; j < c.cols; ++j) {
      bf16& out = to[i * c.row_stride + j];
      out = from[i * c.cols + j] + (accumulate ? static_cast<float>(out) : 0.0f);
    }
}

void matmul_fp64(const AnyMatrix& c, const AnyMatrix& a, const AnyMatrix& b, const Tensor& bias, bool accumulate) {
  const auto size = [](std::int64_t n) { return static_cast<std::size_t>(n); };
  auto* out = static_cast<double*>(c.data);
  const bool ta = a.col_stride != 1;
  const bool tb = b.col_stride != 1;
  kernels::ref::gemm(ta, tb, size(a.rows), size(b.cols), size(a.cols), 1.0, static_cast<const double*>(a.data),
                     size(ta ? a.col_stride : a.row_stride), static_cast<const double*>(b.data),
                     size(tb ? b.col_stride : b.row_stride), accumulate ? 1.0 : 0.0, out, size(c.row_stride));
  if (!bias) return;
  for (std::int64_t i = 0; i < c.rows; ++i)
    for (std::int64_t j = 0; j < c.cols; ++j) out[i * c.row_stride + j] += bias.data<double>()[j];
}

}  // namespace

void detail::run_matmul(const AnyMatrix& c, const AnyMatrix& a, const AnyMatrix& b, const Tensor& bias,
                        bool accumulate) {
  if (c.dtype == DType::kF64) return matmul_fp64(c, a, b, bias, accumulate);
  if (is_bf16_matmul(c, a, b) && !has_bf16_primitives()) return matmul_bf16_in_fp32(c, a, b, bias, accumulate);
  if (needs_dense_column(c)) return matmul_into_column(c, a, b, bias, accumulate);
  matmul_onednn(c, a, b, bias, accumulate);
}

// oneDNN's GELU post-operation is not used: it does not return GELU's input, which backward needs, and passes with and
// without saved tensors would differ in the last bits.
bool detail::run_matmul_gelu(const AnyMatrix&, const AnyMatrix&, const AnyMatrix&, const AnyMatrix&, const Tensor&) {
  return false;
}
bool detail::run_matmul_gelu_bwd(const AnyMatrix&, const AnyMatrix&, const AnyMatrix&, const AnyMatrix&) {
  return false;
}

void small_gemm(bool transpose_a, bool transpose_b, std::size_t m, std::size_t n, std::size_t k, float alpha,
                const float* a, std::size_t lda, const float* b, std::size_t ldb, float beta, float* c,
                std::size_t ldc) {
  const auto size = [](std::size_t v) { return static_cast<dnnl_dim_t>(v); };
  const dnnl_status_t status = dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', size(m), size(n), size(k),
                                          alpha, a, size(lda), b, size(ldb), beta, c, size(ldc));
  BRAINMT_CHECK(status == dnnl_success, "dnnl_sgemm [{}, {}, {}] gave status {}", m, n, k, static_cast<int>(status));
}

}  // namespace brainmt::dnn
