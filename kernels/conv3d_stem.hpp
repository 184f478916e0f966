#pragma once
// The first convolution of the model: one input channel, kernel 3, stride 2, padding 1. It moves memory and little else
// (27 multiplications an output), so that what counts is how often a voxel and a weight are loaded.
#include "kernels/conv3d_direct.hpp"

namespace brainmt::kernels::detail {

/// As conv3d_direct_fwd, where is_single_channel_stem(shape).
template <class T>
void conv3d_stem_fwd(const Exec& exec, View1<T> y, View1<const T> x, View1<const Master<T>> w,
                     View1<const Master<T>> bias, const Conv3dShape& shape, bool relu);
/// As conv3d_direct_bwd_weights, where is_single_channel_stem(shape).
template <class T>
void conv3d_stem_bwd_weights(const Exec& exec, View1<Master<T>> dw, View1<const T> dy, View1<const T> x,
                             const Conv3dShape& shape);

}  // namespace brainmt::kernels::detail
