#pragma once
// Softmax attention behind one small interface (equations: kernels/attention.hpp). On the host the tiled kernel with
// oneDNN's products inside; on CUDA cuDNN's fused kernels in bf16. What neither takes (fp32 and fp64 on CUDA, widths of
// a head that cuDNN refuses) goes tile after tile through matrix products.
#include "dnn/gemm.hpp"

namespace brainmt::dnn {

/// q, o: [B*Lq, C]; k, v: [B*Lk, C]: columns of wider tensors may be given; lse: [B, H, Lq] master type.
void attention_fwd(const Matrix& o, const Tensor& lse, const Matrix& q, const Matrix& k, const Matrix& v);

/// dq, dk, dv are assigned, and lie as q, k and v do.
void attention_bwd(const Matrix& dq, const Matrix& dk, const Matrix& dv, const Matrix& dout, const Matrix& o,
                   const Tensor& lse, const Matrix& q, const Matrix& k, const Matrix& v);

namespace detail {

/// The back end's.
void run_attention_fwd(const Matrix& o, const Tensor& lse, const Matrix& q, const Matrix& k, const Matrix& v);
void run_attention_bwd(const Matrix& dq, const Matrix& dk, const Matrix& dv, const Matrix& dout, const Matrix& o,
                       const Tensor& lse, const Matrix& q, const Matrix& k, const Matrix& v);

/// Attention by matrix products and kernels/softmax.hpp, some queries at a time: memory does not grow with Lq * Lk.
void attention_fwd_tiled(const Matrix& o, const Tensor& lse, const Matrix& q, const Matrix& k, const Matrix& v);
void attention_bwd_tiled(const Matrix& dq, const Matrix& dk, const Matrix& dv, const Matrix& dout, const Matrix& o,
                         const Tensor& lse, const Matrix& q, const Matrix& k, const Matrix& v);

}  // namespace detail
}  // namespace brainmt::dnn
