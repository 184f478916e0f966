#pragma once
// The pieces of attention by landmarks that are no GEMM (Nystromformer, Xiong et al. 2021, as BrainLM has it). With m
// landmarks, ~ the mean over consecutive runs of L / m rows, S the softmax:
//
//   ctx = S(q k~^T) Z S(q~ k^T) v,   Z an inverse of M = S(q~ k~^T) from
//   Z = M^T / s,   s = the largest column sum of M over samples and heads
//   six times:  P = M Z,  Z = Z (13 I - P (15 I - P (7 I - P))) / 4
#include "kernels/types.hpp"

namespace brainmt::kernels {

/// means[b, i] = mean of x[b, i L/m .. (i + 1) L/m - 1]. means: [B, m, C]; x: [B, L, C].
template <class M>
void segment_means_fwd(const Exec& exec, View3<M> means, View3<const M> x);
/// dx is added to.
template <class M>
void segment_means_bwd(const Exec& exec, View3<M> dx, View3<const M> dmeans);

/// z[i] = m[i]^T / s; start = {s, matrix, column of the largest sum}. z, m: [N, m, m]; start: [3].
template <class M>
void inverse_start_fwd(const Exec& exec, View3<M> z, View1<M> start, View3<const M> m);
/// dm is added to.
template <class M>
void inverse_start_bwd(const Exec& exec, View3<M> dm, View3<const M> dz, View3<const M> m, View1<const M> start);

/// y[i] = a I - x[i]; y may be x. [N, m, m]
template <class M>
void identity_minus(const Exec& exec, View3<M> y, M a, View3<const M> x);

}  // namespace brainmt::kernels
