#include "dnn/attention.hpp"

#include "profile/region.hpp"

namespace brainmt::dnn {

AttentionShape detail::shape_of(const Tensor& lse, const AnyMatrix& q, const AnyMatrix& k) {
  const std::int64_t batch = lse.shape()[0], heads = lse.shape()[1];
  return {batch, heads, lse.shape()[2], k.rows / batch, q.cols / heads};
}

namespace {

double bytes_of(const AnyMatrix& m) {
  return static_cast<double>(m.rows * m.cols) * static_cast<double>(size_of(m.dtype));
}

// `products` GEMMs of queries x keys x width multiply-adds a sample, over all heads. Softmax is not counted.
double flops_of(int products, const Tensor& lse, const AnyMatrix& q, const AnyMatrix& k) {
  const std::int64_t keys = k.rows / lse.shape()[0];
  return 2.0 * products * static_cast<double>(q.rows) * static_cast<double>(keys) * static_cast<double>(q.cols);
}

}  // namespace

void attention_fwd(const AnyMatrix& o, const Tensor& lse, const AnyMatrix& q, const AnyMatrix& k, const AnyMatrix& v) {
  // Q K^T and P V; reads q, k, v, writes o and lse.
  const profile::Region region("brainmt::attention::fwd", {.flops = flops_of(2, lse, q, k),
                                                           .bytes = bytes_of(o) + bytes_of(q) + bytes_of(k) +
                                                                    bytes_of(v) + static_cast<double>(lse.bytes())});
  detail::run_attention_fwd(o, lse, q, k, v);
}

void attention_bwd(const AnyMatrix& dq, const AnyMatrix& dk, const AnyMatrix& dv, const AnyMatrix& dout,
                   const AnyMatrix& o, const Tensor& lse, const AnyMatrix& q, const AnyMatrix& k, const AnyMatrix& v) {
  // Q K^T again, dV, dP, dQ and dK; reads q, k, v, o, dout and lse, writes dq, dk, dv.
  const profile::Region region(
      "brainmt::attention::bwd",
      {.flops = flops_of(5, lse, q, k),
       .bytes = 2 * (bytes_of(o) + bytes_of(q) + bytes_of(k) + bytes_of(v)) + static_cast<double>(lse.bytes())});
  detail::run_attention_bwd(dq, dk, dv, dout, o, lse, q, k, v);
}

}  // namespace brainmt::dnn
