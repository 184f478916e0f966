#pragma once
// From convolution features to the token sequence of the paper, and back. Order is temporal-first: the CLS token, then
// for each patch p all T frames, so L = 1 + P*T and token(p, t) = 1 + p*T + t.
#include "kernels/types.hpp"

namespace brainmt::kernels {

/// Writes frames [first_frame, first_frame + Tc) of every sample:
///   tokens[b, 1 + p*T + t, :] = features[b, t - first_frame, p, :] + position[1 + p, :] + temporal[t, :]
/// features: [B, Tc, P, C]; tokens: [B, 1 + P*T, C]; position: [1 + P, C]; temporal: [T, C].
template <class T>
void token_scatter(const Exec& exec, View3<Master<T>> tokens, View4<const T> features, View2<const Master<T>> position,
                   View2<const Master<T>> temporal, std::size_t first_frame);

/// tokens[b, 0, :] = cls + position[0, :]
template <class M>
void cls_scatter(const Exec& exec, View3<M> tokens, View1<const M> cls, View2<const M> position);

/// dfeatures[b, t - first_frame, p, :] = dtokens[b, 1 + p*T + t, :] for the frames of one chunk (T = `frames`).
template <class T>
void token_gather(const Exec& exec, View4<T> dfeatures, View3<const Master<T>> dtokens, std::size_t frames,
                  std::size_t first_frame);

/// Parameter gradients of the assembly, added to: dcls += sum_b dtokens[b,0]; dposition[0] likewise;
/// dposition[1+p] += sum_{b,t} dtokens[b,1+p*T+t]; dtemporal[t] += sum_{b,p} dtokens[b,1+p*T+t].
template <class M>
void token_parameter_grads(const Exec& exec, View1<M> dcls, View2<M> dposition, View2<M> dtemporal,
                           View3<const M> dtokens);

/// out[b, :] = mean over tokens 1..L-1 of h[b, :, :] (the `mean` embedding).
template <class M>
void mean_tokens(const Exec& exec, View2<M> out, View3<const M> h);

/// out[b, t, :] = mean over the patches p of h[b, 1 + p*T + t, :], T = out.extent(1) (the embedding of a frame).
template <class M>
void mean_frame_tokens(const Exec& exec, View3<M> out, View3<const M> h);

}  // namespace brainmt::kernels
