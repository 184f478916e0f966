#include "dnn/attention.hpp"
#include "dnn/host/small_gemm.hpp"
#include "kernels/attention.hpp"
#include "tensor/views.hpp"

namespace brainmt::dnn {
namespace {

template <class T>
kernels::Rows<T> rows_of(const Matrix& m) {
  return rows<T>(m.tensor, m.begin, m.cols);
}
std::size_t extent(const Tensor& lse, int axis) { return static_cast<std::size_t>(lse.shape()[axis]); }

}  // namespace

void detail::run_attention_fwd(const Matrix& o, const Tensor& lse, const Matrix& q, const Matrix& k, const Matrix& v) {
  dispatch(q.tensor.dtype(), [&]<class T>() {
    kernels::attention_fwd<T>(kernels::Exec{}, rows_of<T>(o), view3<Master<T>>(lse), rows_of<const T>(q),
                              rows_of<const T>(k), rows_of<const T>(v), extent(lse, 0), extent(lse, 1), small_gemm);
  });
}

void detail::run_attention_bwd(const Matrix& dq, const Matrix& dk, const Matrix& dv, const Matrix& dout,
                               const Matrix& o, const Tensor& lse, const Matrix& q, const Matrix& k, const Matrix& v) {
  dispatch(q.tensor.dtype(), [&]<class T>() {
    kernels::attention_bwd<T>(kernels::Exec{}, rows_of<T>(dq), rows_of<T>(dk), rows_of<T>(dv), rows_of<const T>(dout),
                              rows_of<const T>(o), view3<const Master<T>>(lse), rows_of<const T>(q),
                              rows_of<const T>(k), rows_of<const T>(v), extent(lse, 0), extent(lse, 1), small_gemm);
  });
}

}  // namespace brainmt::dnn
