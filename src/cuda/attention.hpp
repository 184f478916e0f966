#pragma once
// Softmax attention in bf16 by cuDNN's fused kernels; the equations are in kernels/attention.hpp. For each sample and
// head, with d = dim and scale d^-1/2:  S = scale Q K^T,  O = softmax(S) V,  lse = log sum exp S, kept for backward.
// Statistics (lse) and accumulation are fp32. Matrices are bf16 with contiguous rows: columns of a packed projection
// will do. Addresses must be multiples of 16 bytes and distances between rows of 8 elements.
#include <cstdint>
#include <string>

#include "base/matrix_view.hpp"
#include "base/shapes.hpp"
#include "cuda/context.hpp"

namespace brainmt::cuda {

/// Distances between rows: they are part of a plan.
struct AttentionStrides {
  std::int64_t q, k, v, o;
};

/// Whether cuDNN has kernels for this shape on the current device, forward or backward; where not, the caller has its
/// own. The library is asked once.
Support attention_supported(const Context& context, const AttentionShape& shape, const AttentionStrides& strides,
                            bool backward);

void attention_fwd(const Context& context, const AnyMatrix& o, float* lse, const AnyMatrix& q, const AnyMatrix& k,
                   const AnyMatrix& v, const AttentionShape& shape);

/// dq, dk, dv are assigned; their rows are as far apart as those of q, k and v, and dout's as those of o.
///
/// On Hopper the deterministic variant keeps an intermediate of queries x keys x 2 bytes for every (sample, head) that
/// it computes at once. Where that is more than context.attention allows, heads follow one another, and blocks of their
/// queries, whose dk and dv are rounded to bf16 each and added in fp32.
void attention_bwd(const Context& context, const AnyMatrix& dq, const AnyMatrix& dk, const AnyMatrix& dv,
                   const AnyMatrix& dout, const AnyMatrix& o, const float* lse, const AnyMatrix& q, const AnyMatrix& k,
                   const AnyMatrix& v, const AttentionShape& shape);

}  // namespace brainmt::cuda
