#pragma once
// 3x3x3 convolution of stride 1 and padding 1 by Winograd's minimal filtering (dnn/winograd_transform.hpp): the same
// sums with up to seven times fewer multiplications, in fp32 for every storage type. fp32 results differ from the exact
// ones by some 4e-6 (relative, norms); bf16 ones are closer to exact than those of the direct bf16 algorithm, which
// rounds the weights. Same contracts as dnn/conv3d.hpp.
#include "dnn/host/conv3d_onednn.hpp"

namespace brainmt::dnn::detail {

/// Whether the algorithm can do this convolution: geometry as above, channels in multiples of 32, at least
/// kTileRows tiles. The kernel must be fp32.
bool winograd_applies(const Conv3dShape& shape);
/// ... and is faster than the direct one for activations of this type.
bool winograd_pays(const Conv3dShape& shape, DType activations);

void conv3d_fwd_winograd(const Tensor& y, const Tensor& x, const Tensor& w, const Tensor& bias,
                         const Conv3dShape& shape, bool relu);
void conv3d_bwd_data_winograd(const Tensor& dx, const Tensor& dy, const Tensor& w, const Conv3dShape& shape);
void conv3d_bwd_weights_winograd(const Tensor& dw, const Tensor& dbias, const Tensor& dy, const Tensor& x,
                                 const Conv3dShape& shape);

}  // namespace brainmt::dnn::detail
