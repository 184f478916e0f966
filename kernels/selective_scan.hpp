#pragma once
// Selective scan (Mamba, Gu & Dao 2023, eq. 2 and algorithm 2), one-way or two-way (Vision Mamba, Zhu et al. 2024).
//
// For one direction, channel e and state n, over the tokens t of one sample in scan order:
//
//   delta_t   = softplus(delta_raw[t,e] + delta_bias[e])
//   s_t[n]    = exp(delta_t * A[e,n]) * s_{t-1}[n] + delta_t * B[t,n] * x[t,e]        A = -exp(A_log),  s_{-1} = 0
//   y[t,e]    = sum_n C[t,n] * s_t[n] + D[e] * x[t,e]
//
// Two directions are given as two ScanDirection records; their outputs are added into one y. The reverse one walks t
// from L-1 to 0 over the same unflipped memory. Gating with SiLU(z) is common to both directions and is a kernel of its
// own (activations.hpp: gate_silu).
//
// The forward pass stores the state in front of every segment of kScanSegment tokens; the backward pass recomputes the
// states inside a segment from there. State and decay are Master<T>.
#include <span>

#include "kernels/types.hpp"

namespace brainmt::kernels {

inline constexpr int kScanSegment = 64;  // tokens between two stored states

/// Segments of a sequence of `tokens`.
constexpr std::size_t scan_segments(std::size_t tokens) { return (tokens + kScanSegment - 1) / kScanSegment; }

/// Inputs of one direction. Token rows are [B*L, ...], sample-major.
template <class T>
struct ScanDirection {
  Direction direction = Direction::kForward;
  MatrixView<const T> x;              // [B*L, E]
  MatrixView<const T> delta_raw;      // [B*L, E] before bias and softplus
  MatrixView<const T> b, c;           // [B*L, N]
  View1<const Master<T>> delta_bias;  // [E]
  View2<const Master<T>> a_log;       // [E, N]
  View1<const Master<T>> d;           // [E]
  View4<Master<T>> states;            // [B, S, N, E], S = scan_segments(L): written by fwd, read by bwd
};

/// Gradients of one direction; the first four are assigned, the parameter gradients are added to.
template <class T>
struct ScanGradients {
  MatrixView<T> dx;              // [B*L, E]
  MatrixView<T> ddelta_raw;      // [B*L, E]
  MatrixView<T> db, dc;          // [B*L, N]
  View1<Master<T>> ddelta_bias;  // [E]
  View2<Master<T>> da_log;       // [E, N]
  View1<Master<T>> dd;           // [E]
};

/// y[B*L, E] = sum over `directions` (one or two) of their scans; each direction's `states` is filled.
template <class T>
void selective_scan_fwd(const Exec& exec, MatrixView<T> y, std::span<const ScanDirection<T>> directions,
                        std::size_t batch, std::size_t length);

/// Backward of the above: `dy` [B*L, E] is common to all directions; `gradients[i]` belongs to `directions[i]`.
template <class T>
void selective_scan_bwd(const Exec& exec, std::span<const ScanGradients<T>> gradients, MatrixView<const T> dy,
                        std::span<const ScanDirection<T>> directions, std::size_t batch, std::size_t length);

}  // namespace brainmt::kernels
