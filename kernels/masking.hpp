#pragma once
// Token sequences of a masked autoencoder. `order` [N, B] lists the tokens of each sample, those that are kept first;
// `restore` [N, B] is its inverse, restore(order(i, b), b) = i. Both hold whole numbers in float (exact below 2^24). A
// sequence has a class row in front: row 0.
#include "kernels/types.hpp"

namespace brainmt::kernels {

/// out[b, 0] = cls (+ offset), out[b, 1 + i] = tokens[b, order(i, b)], i < K. An empty `order`: the natural order.
/// out: [B, 1 + K, C]; tokens: [B, N, C]; cls, offset: [C], offset may be empty.
template <class T>
void keep_tokens_fwd(const Exec& exec, View3<T> out, View3<const T> tokens, View1<const Master<T>> cls,
                     View1<const Master<T>> offset, View2<const float> order);
/// dtokens is assigned, with 0 for hidden tokens; dcls is added to.
template <class T>
void keep_tokens_bwd(const Exec& exec, View3<T> dtokens, View1<Master<T>> dcls, View3<const T> dout,
                     View2<const float> restore);

/// out[b, 0] = x[b, 0]; out[b, 1 + t] = x[b, 1 + restore(t, b)], or `mask` where the token is hidden.
/// out: [B, 1 + N, C]; x: [B, 1 + K, C]; mask: [C].
template <class T>
void restore_tokens_fwd(const Exec& exec, View3<T> out, View3<const T> x, View1<const Master<T>> mask,
                        View2<const float> restore);
/// dx is assigned, dmask added to.
template <class T>
void restore_tokens_bwd(const Exec& exec, View3<T> dx, View1<Master<T>> dmask, View3<const T> dout,
                        View2<const float> order);

/// y[b, r + v P + j] = x[b, r + v P + j] + parcels[v] + time[j], and the first r rows of each sample unchanged.
/// x, y: [B, r + V P, C], y may be x; parcels: [V, C]; time: [P, C], or empty: then P is 1.
template <class T>
void add_positions(const Exec& exec, View3<T> y, View3<const T> x, View2<const Master<T>> parcels,
                   View2<const Master<T>> time, std::size_t first);
/// dparcels[v] = sum over samples and j of dy: assigned.
template <class T>
void add_positions_bwd(const Exec& exec, View2<Master<T>> dparcels, View3<const T> dy, std::size_t first);

}  // namespace brainmt::kernels
