#include "dnn/gemm.hpp"

#include "dnn/product.hpp"
#include "kernels/reduce.hpp"
#include "profile/region.hpp"
#include "tensor/views.hpp"

namespace brainmt::dnn {

Operand Operand::part(std::int64_t begin, std::int64_t count, std::int64_t first, std::int64_t width) const {
  BRAINMT_CHECK(begin >= 0 && begin + count <= rows && first >= 0 && first + width <= cols,
                "rows [{}, {}) and columns [{}, {}) of [{}, {}]", begin, begin + count, first, first + width, rows,
                cols);
  const std::int64_t offset = (begin * row_stride + first * col_stride) * static_cast<std::int64_t>(size_of(dtype));
  return {static_cast<std::byte*>(data) + offset, dtype, count, width, row_stride, col_stride};
}

Operand operand(const Matrix& m) {
  const Operand whole{m.tensor.raw(), m.tensor.dtype(), m.rows(), m.ld(), m.ld(), 1};
  return whole.part(0, m.rows(), m.begin, m.cols);
}

namespace {

// m n k multiply-adds; reads A, B and, to add to it, C, writes C.
profile::Work work_of(const Operand& c, const Operand& a, const Operand& b, bool accumulate) {
  const auto bytes = [](const Operand& m) {
    return static_cast<double>(m.rows) * static_cast<double>(m.cols) * static_cast<double>(size_of(m.dtype));
  };
  return {.flops = 2.0 * static_cast<double>(c.rows) * static_cast<double>(c.cols) * static_cast<double>(a.cols),
          .bytes = bytes(a) + bytes(b) + (accumulate ? 2 : 1) * bytes(c)};
}

}  // namespace

void product(const Operand& c, const Operand& a, const Operand& b, const Tensor& bias, bool accumulate) {
  BRAINMT_CHECK(a.cols == b.rows && c.rows == a.rows && c.cols == b.cols, "[{}, {}] = [{}, {}] [{}, {}]", c.rows,
                c.cols, a.rows, a.cols, b.rows, b.cols);
  BRAINMT_CHECK(!bias || (bias.count() == c.cols && bias.dtype() == master_of(c.dtype)), "bias {} of {} columns",
                bias.shape().str(), c.cols);
  if (c.rows == 0 || c.cols == 0) return;
  const profile::Region region("brainmt::product", work_of(c, a, b, accumulate));
  detail::run_product(c, a, b, bias, accumulate);
}

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

}  // namespace brainmt::dnn
