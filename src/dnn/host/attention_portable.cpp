// A rehearsal of the portable kernels: attention as a device computes it where its library does not.
#include "dnn/attention.hpp"

namespace brainmt::dnn {

void detail::run_attention_fwd(const Matrix& o, const Tensor& lse, const Matrix& q, const Matrix& k, const Matrix& v) {
  detail::attention_fwd_tiled(o, lse, q, k, v);
}

void detail::run_attention_bwd(const Matrix& dq, const Matrix& dk, const Matrix& dv, const Matrix& dout,
                               const Matrix& o, const Tensor& lse, const Matrix& q, const Matrix& k, const Matrix& v) {
  detail::attention_bwd_tiled(dq, dk, dv, dout, o, lse, q, k, v);
}

}  // namespace brainmt::dnn
