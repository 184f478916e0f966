#pragma once
// Losses over one batch of outputs, with labels that may be missing (weight 0).
//   term   = w l(o, y)          l = (o - y)^2 or BCE(sigmoid(o), y) = max(o, 0) - o y + log(1 + exp(-|o|))
//   do     = dterm w dl/do
// The caller puts 1 / (labels in the global batch) into w, so that sums over samples and ranks are means.
#include "kernels/types.hpp"

namespace brainmt::kernels {

/// loss, output, target, weight: [B * K], target varies fastest; kinds: [K] of code_of(). A label without weight may be
/// NaN.
template <class M>
void loss_fwd(const Exec& exec, View1<M> loss, View1<const M> output, View1<const M> target, View1<const M> weight,
              View1<const M> kinds);
/// doutput [B * K] is assigned.
template <class M>
void loss_bwd(const Exec& exec, View1<M> doutput, View1<const M> dloss, View1<const M> output, View1<const M> target,
              View1<const M> weight, View1<const M> kinds);

/// Weights learned from each target's uncertainty (Kendall, Gal, Cipolla 2018, equations 7 and 10): s = log variance,
///   term  = c exp(-s) loss + w s / 2        c = 1/2 for squared errors, 1 for cross entropies
/// loss, term, weight: [B * K]; log_variance, kinds: [K].
template <class M>
void uncertainty_fwd(const Exec& exec, View1<M> term, View1<const M> loss, View1<const M> weight,
                     View1<const M> log_variance, View1<const M> kinds);
///   dloss = dterm c exp(-s) is assigned,    ds += sum over samples of dterm (w / 2 - c exp(-s) loss)
template <class M>
void uncertainty_bwd(const Exec& exec, View1<M> dloss, View1<M> dlog_variance, View1<const M> dterm,
                     View1<const M> loss, View1<const M> weight, View1<const M> log_variance, View1<const M> kinds);

}  // namespace brainmt::kernels
