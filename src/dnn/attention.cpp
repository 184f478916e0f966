#include "dnn/attention.hpp"

#include "profile/region.hpp"

namespace brainmt::dnn {
namespace {

double bytes_of(const Matrix& m) {
  return static_cast<double>(m.rows() * m.cols) * static_cast<double>(size_of(m.tensor.dtype()));
}

// `products` matrix products of queries x keys x width multiply-adds a sample, over all heads. Softmax is not counted.
double flops_of(int products, const Tensor& lse, const Matrix& q, const Matrix& k) {
  const std::int64_t keys = k.rows() / lse.shape()[0];
  return 2.0 * products * static_cast<double>(q.rows()) * static_cast<double>(keys) * static_cast<double>(q.cols);
}

}  // namespace

void attention_fwd(const Matrix& o, const Tensor& lse, const Matrix& q, const Matrix& k, const Matrix& v) {
  // Q K^T and P V; reads q, k, v, writes o and lse.
  const profile::Region region("brainmt::attention::fwd", {.flops = flops_of(2, lse, q, k),
                                                           .bytes = bytes_of(o) + bytes_of(q) + bytes_of(k) +
                                                                    bytes_of(v) + static_cast<double>(lse.bytes())});
  detail::run_attention_fwd(o, lse, q, k, v);
}

void attention_bwd(const Matrix& dq, const Matrix& dk, const Matrix& dv, const Matrix& dout, const Matrix& o,
                   const Tensor& lse, const Matrix& q, const Matrix& k, const Matrix& v) {
  // Q K^T again, dV, dP, dQ and dK; reads q, k, v, o, dout and lse, writes dq, dk, dv.
  const profile::Region region(
      "brainmt::attention::bwd",
      {.flops = flops_of(5, lse, q, k),
       .bytes = 2 * (bytes_of(o) + bytes_of(q) + bytes_of(k) + bytes_of(v)) + static_cast<double>(lse.bytes())});
  detail::run_attention_bwd(dq, dk, dv, dout, o, lse, q, k, v);
}

}  // namespace brainmt::dnn
