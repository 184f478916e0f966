#pragma once
// Interface of a convolution back end; shapes are checked and not empty.
#include "base/shapes.hpp"
#include "dnn/conv3d.hpp"

namespace brainmt::dnn::detail {

void run_conv3d_fwd(const Tensor& y, const Tensor& x, const Tensor& w, const Tensor& bias, const Conv3dShape& shape,
                    bool relu);
void run_conv3d_bwd_data(const Tensor& dx, const Tensor& dy, const Tensor& w, const Conv3dShape& shape);
void run_conv3d_bwd_weights(const Tensor& dw, const Tensor& dbias, const Tensor& dy, const Tensor& x,
                            const Conv3dShape& shape);

/// The portable kernels behind the same interface (kernels/conv3d_direct.hpp).
void conv3d_fwd_direct(const Tensor& y, const Tensor& x, const Tensor& w, const Tensor& bias, const Conv3dShape& shape,
                       bool relu);
void conv3d_bwd_data_direct(const Tensor& dx, const Tensor& dy, const Tensor& w, const Conv3dShape& shape);
/// Adds dbias too, when defined.
void conv3d_bwd_weights_direct(const Tensor& dw, const Tensor& dbias, const Tensor& dy, const Tensor& x,
                               const Conv3dShape& shape);

}  // namespace brainmt::dnn::detail
