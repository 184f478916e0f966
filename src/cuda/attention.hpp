#pragma once
// Softmax attention in bf16 by cuDNN's fused kernels; the equations are in kernels/attention.hpp. For each sample and
// head, with d = dim and scale d^-1/2:  S = scale Q K^T,  O = softmax(S) V,  lse = log sum exp S, kept for backward.
// Statistics and accumulation are fp32.
#include <cstdint>
#include <string>

#include "cuda/context.hpp"

namespace brainmt::cuda {

/// q, o: [batch * queries, heads * dim]; k, v: [batch * keys, heads * dim]; lse: [batch, heads, queries], fp32.
struct AttentionShape {
  std::int64_t batch, heads, queries, keys, dim;
};

/// bf16 rows `ld` elements apart, not owned: columns of a packed projection are such rows. Addresses must be multiples
/// of 16 bytes and ld of 8.
template <class Void>
struct RowsOf {
  Void* data;
  std::int64_t ld;
};
using Rows = RowsOf<void>;
using ConstRows = RowsOf<const void>;

/// Distances between rows: they are part of a plan.
struct AttentionStrides {
  std::int64_t q, k, v, o;
};

/// Whether cuDNN has kernels for this shape on the current device, forward or backward; where not, the caller has its
/// own. The library is asked once.
Support attention_supported(const Context& context, const AttentionShape& shape, const AttentionStrides& strides,
                            bool backward);

void attention_fwd(const Context& context, const Rows& o, float* lse, const ConstRows& q, const ConstRows& k,
                   const ConstRows& v, const AttentionShape& shape);

/// dq, dk, dv are assigned; their rows are as far apart as those of q, k and v, and dout's as those of o.
///
/// On Hopper the deterministic variant keeps an intermediate of queries x keys x 2 bytes for every (sample, head) that
/// it computes at once. Where that is more than context.attention allows, heads follow one another, and blocks of their
/// queries, whose dk and dv are rounded to bf16 each and added in fp32.
void attention_bwd(const Context& context, const Rows& dq, const Rows& dk, const Rows& dv, const ConstRows& dout,
                   const ConstRows& o, const float* lse, const ConstRows& q, const ConstRows& k, const ConstRows& v,
                   const AttentionShape& shape);

}  // namespace brainmt::cuda
