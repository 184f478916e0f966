#pragma once
// Losses over one batch of outputs, with labels that may be missing (weight 0).
#include "kernels/loss_kind.hpp"
#include "kernels/types.hpp"

namespace brainmt::kernels {

/// loss[i] = weight[i] * l(output[i], target[i]); doutput[i] = weight[i] * dl/doutput. All [count]. The caller puts
/// 1 / (labels in the global batch) into `weight`, so that sums over samples and ranks are means.
///   kMse: (o - y)^2        kBceWithLogits: max(o,0) - o y + log(1 + exp(-|o|))
template <class M>
void loss_fwd_bwd(const Exec& exec, View1<M> loss, View1<M> doutput, View1<const M> output, View1<const M> target,
                  View1<const M> weight, Loss kind);

}  // namespace brainmt::kernels
