#pragma once
// Softmax attention on the host in tiles (online softmax, Milakov & Gimelshein 2018; tiling as in FlashAttention, Dao
// et al. 2022), never holding an Lq x Lk matrix. For each sample and head, with d = C / H and scale = d^-1/2:
//
//   S   = scale Q K^T
//   P   = softmax over keys of S
//   O   = P V
//   lse = log sum exp S                  one per query, saved for backward
//
// Backward recomputes P from lse tile by tile. With r = rowsum(dO * O):
//   dV = P^T dO,  dS = P * (dO V^T - r),  dQ = scale dS K,  dK = scale dS^T Q
//
// The small GEMMs inside a tile are done by `gemm`, so that the tiling here stays free of any library.
#include <functional>

#include "kernels/types.hpp"

namespace brainmt::kernels {

/// Row-major C[m,n] = alpha * op(A) op(B) + beta * C in float; op transposes when its flag is set; ld in elements.
using SmallGemm = std::function<void(bool transpose_a, bool transpose_b, std::size_t m, std::size_t n, std::size_t k,
                                     float alpha, const float* a, std::size_t lda, const float* b, std::size_t ldb,
                                     float beta, float* c, std::size_t ldc)>;

/// o, q: [B*Lq, C]; k, v: [B*Lk, C]; lse: [B, H, Lq].
template <class T>
void attention_fwd(const Exec& exec, MatrixView<T> o, View3<Master<T>> lse, MatrixView<const T> q,
                   MatrixView<const T> k, MatrixView<const T> v, std::size_t batch, std::size_t heads,
                   const SmallGemm& gemm);

/// dq, dk, dv are assigned.
template <class T>
void attention_bwd(const Exec& exec, MatrixView<T> dq, MatrixView<T> dk, MatrixView<T> dv, MatrixView<const T> dout,
                   MatrixView<const T> o, View3<const Master<T>> lse, MatrixView<const T> q, MatrixView<const T> k,
                   MatrixView<const T> v, std::size_t batch, std::size_t heads, const SmallGemm& gemm);

}  // namespace brainmt::kernels
