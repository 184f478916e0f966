#pragma once
// 3-D convolution without a library, for what a device's library does not offer: double, channel counts that it
// refuses, and the first layer, whose single channel leaves a matrix unit idle. Shapes and contracts as in
// kernels/ref/conv3d.hpp; channels last, weights [C_out, C_in, k, k, k].
#include "kernels/ref/conv3d.hpp"
#include "kernels/types.hpp"

namespace brainmt::kernels {

/// y = conv(x, w) (+ bias) (then ReLU). `bias` may be empty.
template <class T>
void conv3d_direct_fwd(const Exec& exec, View1<T> y, View1<const T> x, View1<const Master<T>> w,
                       View1<const Master<T>> bias, const Conv3dShape& shape, bool relu);
/// dx is assigned.
template <class T>
void conv3d_direct_bwd_data(const Exec& exec, View1<T> dx, View1<const T> dy, View1<const Master<T>> w,
                            const Conv3dShape& shape);
/// dw is added to.
template <class T>
void conv3d_direct_bwd_weights(const Exec& exec, View1<Master<T>> dw, View1<const T> dy, View1<const T> x,
                               const Conv3dShape& shape);

/// Whether the kernels of one input channel (kernel 3, stride 2, padding 1, a multiple of 4 output channels) apply; the
/// functions above use them then.
bool is_single_channel_stem(const Conv3dShape& shape);

}  // namespace brainmt::kernels
