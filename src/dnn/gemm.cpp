// One product, C = A B (+ bias) (+ C), serves the three passes of a linear layer; a pass only says how its matrices
// lie.
#include "dnn/gemm.hpp"

#include <optional>

#include "dnn/onednn.hpp"
#include "kernels/reduce.hpp"
#include "kernels/ref/gemm.hpp"
#include "tensor/views.hpp"

namespace brainmt::dnn {
namespace {

using detail::memory;

// From this many rows of A on, packing B into the layout that the product likes best costs less than it saves
// (measured: 5-15 % of the product at 721 rows against a packing time of 1-6 %).
constexpr std::int64_t kPackRows = 256;

// A matrix as the product sees it: element (i, j) lies at data + i * row_stride + j * col_stride.
struct Operand {
  void* data;
  DType dtype;
  std::int64_t rows, cols, row_stride, col_stride;

  Operand transposed() const { return {data, dtype, cols, rows, col_stride, row_stride}; }
  memory::desc desc() const { return {{rows, cols}, detail::data_type(dtype), {row_stride, col_stride}}; }
};

Operand operand(const Matrix& m) {
  BRAINMT_CHECK(m.begin >= 0 && m.begin + m.cols <= m.ld(), "columns [{}, {}) of {}", m.begin, m.begin + m.cols,
                m.ld());
  void* first = static_cast<std::byte*>(m.tensor.raw()) + static_cast<std::size_t>(m.begin) * size_of(m.tensor.dtype());
  return {first, m.tensor.dtype(), m.rows(), m.cols, m.ld(), 1};
}

struct Plan {
  detail::Executable product;
  memory::desc a, b, c, bias;                        // as the product takes them
  std::optional<detail::Executable> pack_a, pack_b;  // from the caller's layout and type, where those differ
};

Plan make_plan(const Operand& c, const Operand& a, const Operand& b, bool with_bias, bool accumulate) {
  using Desc = memory::desc;
  const bool bf16_product = a.dtype == DType::kBf16 || b.dtype == DType::kBf16 || c.dtype == DType::kBf16;
  const DType type = bf16_product ? DType::kBf16 : DType::kF32;
  const bool convert_a = a.dtype != type;
  const bool convert_b = b.dtype != type;
  // B of a weight gradient is used once, as are A's rows; only a weight that many rows share is worth packing.
  const bool pack_b = convert_b || (a.rows >= kPackRows && a.col_stride == 1);
  const Desc a_desc = convert_a ? Desc({a.rows, a.cols}, detail::data_type(type), detail::Dims{a.cols, 1}) : a.desc();
  const Desc b_desc = pack_b ? Desc({b.rows, b.cols}, detail::data_type(type), memory::format_tag::any) : b.desc();
  const Desc bias_desc = with_bias ? Desc({1, c.cols}, memory::data_type::f32, memory::format_tag::ab) : Desc();

  dnnl::primitive_attr attr = detail::attributes();
  if (accumulate) {
    dnnl::post_ops ops;
    ops.append_sum(1.0f);
    attr.set_post_ops(ops);
  }
  const dnnl::matmul::desc op = with_bias ? dnnl::matmul::desc(a_desc, b_desc, bias_desc, c.desc())
                                          : dnnl::matmul::desc(a_desc, b_desc, c.desc());
  const dnnl::matmul::primitive_desc pd(op, attr, detail::engine());
  Plan plan{
      {dnnl::matmul(pd), pd.scratchpad_desc()}, pd.src_desc(), pd.weights_desc(), pd.dst_desc(), bias_desc, {}, {}};
  if (plan.a != a.desc()) plan.pack_a = detail::make_reorder(a.desc(), plan.a);
  if (plan.b != b.desc()) plan.pack_b = detail::make_reorder(b.desc(), plan.b);
  return plan;
}

// Runs `use` with the operand as the product wants it.
template <class Use>
void with_packed(const std::optional<detail::Executable>& pack, const Operand& from, const memory::desc& to,
                 Use&& use) {
  if (!pack) return use(detail::wrap(to, from.data));
  const detail::Scratch packed(to);
  detail::run_reorder(*pack, detail::wrap(from.desc(), from.data), packed);
  use(packed);
}

void product_onednn(const Operand& c, const Operand& a, const Operand& b, const Tensor& bias, bool accumulate) {
  thread_local detail::PlanCache<Plan> plans;
  const detail::PlanKey key{a.rows,
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
      plan.product.run(std::move(arguments));
    });
  });
}

void product_fp64(const Operand& c, const Operand& a, const Operand& b, const Tensor& bias, bool accumulate) {
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

void product(const Operand& c, const Operand& a, const Operand& b, const Tensor& bias, bool accumulate) {
  BRAINMT_CHECK(a.cols == b.rows && c.rows == a.rows && c.cols == b.cols, "[{}, {}] = [{}, {}] [{}, {}]", c.rows,
                c.cols, a.rows, a.cols, b.rows, b.cols);
  BRAINMT_CHECK(!bias || (bias.count() == c.cols && bias.dtype() == master_of(c.dtype)), "bias {} of {} columns",
                bias.shape().str(), c.cols);
  if (c.rows == 0 || c.cols == 0) return;
  if (c.dtype == DType::kF64) return product_fp64(c, a, b, bias, accumulate);
  product_onednn(c, a, b, bias, accumulate);
}

}  // namespace

void add_column_sums(const Tensor& sums, const Matrix& m) {
  dispatch(m.tensor.dtype(), [&]<class T>() {
    kernels::column_sum<T>(kernels::Exec{}, view1<Master<T>>(sums), rows<const T>(m.tensor, m.begin, m.cols));
  });
}

void linear_fwd(const Matrix& y, const Matrix& x, const Tensor& w, const Tensor& bias) {
  product(operand(y), operand(x), operand(w).transposed(), bias, false);
}

void linear_bwd_data(const Matrix& dx, const Matrix& dy, const Tensor& w, bool accumulate) {
  product(operand(dx), operand(dy), operand(w), {}, accumulate);
}

void linear_bwd_weights(const Tensor& dw, const Tensor& dbias, const Matrix& dy, const Matrix& x) {
  product(operand(dw), operand(dy).transposed(), operand(x), {}, true);
  if (dbias) add_column_sums(dbias, dy);
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
