#pragma once
// Softmax attention behind one small interface (equations: kernels/attention.hpp). On the host the tiled kernel with
// oneDNN's GEMMs inside; on CUDA cuDNN's fused kernels in bf16. What neither takes (fp32 and fp64 on CUDA, widths of a
// head that cuDNN refuses) goes tile after tile through GEMMs.
#include "base/shapes.hpp"
#include "dnn/gemm.hpp"

namespace brainmt::dnn {

/// q, o: [B*Lq, C]; k, v: [B*Lk, C]: columns of wider tensors may be given; lse: [B, H, Lq] master type.
void attention_fwd(const AnyMatrix& o, const Tensor& lse, const AnyMatrix& q, const AnyMatrix& k, const AnyMatrix& v);

/// dq, dk, dv are assigned, and lie as q, k and v do.
void attention_bwd(const AnyMatrix& dq, const AnyMatrix& dk, const AnyMatrix& dv, const AnyMatrix& dout,
                   const AnyMatrix& o, const Tensor& lse, const AnyMatrix& q, const AnyMatrix& k, const AnyMatrix& v);

namespace detail {

AttentionShape shape_of(const Tensor& lse, const AnyMatrix& q, const AnyMatrix& k);

/// The back end's.
void run_attention_fwd(const AnyMatrix& o, const Tensor& lse, const AnyMatrix& q, const AnyMatrix& k,
                       const AnyMatrix& v);
void run_attention_bwd(const AnyMatrix& dq, const AnyMatrix& dk, const AnyMatrix& dv, const AnyMatrix& dout,
                       const AnyMatrix& o, const Tensor& lse, const AnyMatrix& q, const AnyMatrix& k,
                       const AnyMatrix& v);

/// Attention by GEMMs and kernels/softmax.hpp, some queries at a time: memory does not grow with Lq * Lk.
void attention_fwd_tiled(const AnyMatrix& o, const Tensor& lse, const AnyMatrix& q, const AnyMatrix& k,
                         const AnyMatrix& v);
void attention_bwd_tiled(const AnyMatrix& dq, const AnyMatrix& dk, const AnyMatrix& dv, const AnyMatrix& dout,
                         const AnyMatrix& o, const Tensor& lse, const AnyMatrix& q, const AnyMatrix& k,
                         const AnyMatrix& v);

}  // namespace detail
}  // namespace brainmt::dnn
