#pragma once
// Dense GEMMs by cuBLASLt:  C = A B (+ bias) (+ C).
//
// A matrix is described by strides in elements, one of which must be 1, so that transposes and column slices of wider
// row-major matrices need no copy. Types: A and B the same (bf16, fp32, fp64) with C of that type, or bf16 with C fp32
// (activations to the residual stream; weight gradients, which are added to in fp32). Where one of A and B is fp32 and
// the other bf16 (a master weight), the fp32 one is first rounded to bf16. Accumulation is in fp32 (fp64 for fp64) and
// partial sums are never rounded to bf16.
#include "base/matrix_view.hpp"
#include "cuda/context.hpp"

namespace brainmt::cuda {

/// c [m, n] = a [m, k] b [k, n] (+ bias) (+ c when `accumulate`). c.col_stride is 1. bias: n values of C's master type
/// (fp64 for fp64, else fp32), added to every row, or null; for bf16 C it is rounded to bf16 first.
void gemm(const Context& context, const AnyMatrix& c, const AnyMatrix& a, const AnyMatrix& b, const void* bias,
          bool accumulate);

// GELU (tanh form) as the epilogue of a GEMM. c and pre are bf16 with contiguous rows. Both return false, having done
// nothing, where the library has no such GEMM: for other types, for a `pre` whose rows do not begin 16 bytes apart, or
// because it says so.

/// c = gelu(pre), pre = a b + bias. GELU sees the fp32 sum; pre is that sum rounded. bias as in gemm(), not null.
bool gemm_gelu(const Context& context, const AnyMatrix& c, const AnyMatrix& pre, const AnyMatrix& a, const AnyMatrix& b,
               const void* bias);
/// c = (a b) gelu'(pre), elementwise.
bool gemm_gelu_bwd(const Context& context, const AnyMatrix& c, const AnyMatrix& pre, const AnyMatrix& a,
                   const AnyMatrix& b);

}  // namespace brainmt::cuda
