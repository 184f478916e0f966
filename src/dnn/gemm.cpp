#include "dnn/gemm.hpp"

#include "dnn/matmul.hpp"
#include "kernels/reduce.hpp"
#include "profile/region.hpp"
#include "tensor/views.hpp"

namespace brainmt::dnn {

namespace {

// m n k multiply-adds; reads A and B, and passes `times` over matrices of C's size.
profile::Work work_of(const AnyMatrix& c, const AnyMatrix& a, const AnyMatrix& b, int times) {
  const auto bytes = [](const AnyMatrix& m) {
    return static_cast<double>(m.rows) * static_cast<double>(m.cols) * static_cast<double>(size_of(m.dtype));
  };
  return {.flops = 2.0 * static_cast<double>(c.rows) * static_cast<double>(c.cols) * static_cast<double>(a.cols),
          .bytes = bytes(a) + bytes(b) + times * bytes(c)};
}

void check_shapes(const AnyMatrix& c, const AnyMatrix& a, const AnyMatrix& b, const Tensor& bias) {
  BRAINMT_CHECK(a.cols == b.rows && c.rows == a.rows && c.cols == b.cols, "[{}, {}] = [{}, {}] [{}, {}]", c.rows,
                c.cols, a.rows, a.cols, b.rows, b.cols);
  BRAINMT_CHECK(!bias || (bias.count() == c.cols && bias.dtype() == master_of(c.dtype)), "bias {} of {} columns",
                bias.shape().str(), c.cols);
}

// A GEMM with an auxiliary matrix (GELU's input). When the back end declines, the fallback counts its own work.
bool run_with_gelu(const AnyMatrix& c, const AnyMatrix& pre, const AnyMatrix& a, const AnyMatrix& b, const Tensor& bias,
                   const auto& run) {
  check_shapes(c, a, b, bias);
  BRAINMT_CHECK(pre.rows == c.rows && pre.cols == c.cols && pre.dtype == c.dtype, "gelu of [{}, {}] beside [{}, {}]",
                pre.rows, pre.cols, c.rows, c.cols);
  if (c.rows == 0 || c.cols == 0) return true;
  const profile::Region region("brainmt::matmul");
  const bool done = run();
  if (done) profile::count("brainmt::matmul", work_of(c, a, b, 2));
  return done;
}

}  // namespace

void matmul(const AnyMatrix& c, const AnyMatrix& a, const AnyMatrix& b, const Tensor& bias, bool accumulate) {
  check_shapes(c, a, b, bias);
  if (c.rows == 0 || c.cols == 0) return;
  const profile::Region region("brainmt::matmul", work_of(c, a, b, accumulate ? 2 : 1));
  detail::run_matmul(c, a, b, bias, accumulate);
}

bool matmul_gelu(const AnyMatrix& c, const AnyMatrix& pre, const AnyMatrix& a, const AnyMatrix& b, const Tensor& bias) {
  return run_with_gelu(c, pre, a, b, bias, [&] { return detail::run_matmul_gelu(c, pre, a, b, bias); });
}

bool matmul_gelu_bwd(const AnyMatrix& c, const AnyMatrix& pre, const AnyMatrix& a, const AnyMatrix& b) {
  return run_with_gelu(c, pre, a, b, {}, [&] { return detail::run_matmul_gelu_bwd(c, pre, a, b); });
}

void add_column_sums(const Tensor& sums, const AnyMatrix& m) {
  dispatch(m.dtype,
           [&]<class T>() { kernels::column_sum<T>(kernels::Exec{}, view1<Master<T>>(sums), m.as<const T>()); });
}

void linear_fwd(const AnyMatrix& y, const AnyMatrix& x, const Tensor& w, const Tensor& bias) {
  matmul(y, x, w.matrix().transposed(), bias, false);
}

void linear_bwd_data(const AnyMatrix& dx, const AnyMatrix& dy, const Tensor& w, bool accumulate) {
  matmul(dx, dy, w, {}, accumulate);
}

void linear_bwd_weights(const Tensor& dw, const Tensor& dbias, const AnyMatrix& dy, const AnyMatrix& x) {
  matmul(dw, dy.transposed(), x, {}, true);
  if (dbias) add_column_sums(dbias, dy);
}

}  // namespace brainmt::dnn
