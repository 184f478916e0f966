#pragma once
// 3-D convolution, fp32 and bf16, by oneDNN's direct algorithms on channels-last activations. Same contracts as
// dnn/conv3d.hpp, whose functions check the shapes and call these.
#include "dnn/conv3d_backend.hpp"
#include "tensor/tensor.hpp"

namespace brainmt::dnn::detail {

void conv3d_fwd_onednn(const Tensor& y, const Tensor& x, const Tensor& w, const Tensor& bias, const Conv3dShape& shape,
                       bool relu);
void conv3d_bwd_data_onednn(const Tensor& dx, const Tensor& dy, const Tensor& w, const Conv3dShape& shape);
void conv3d_bwd_weights_onednn(const Tensor& dw, const Tensor& dbias, const Tensor& dy, const Tensor& x,
                               const Conv3dShape& shape);

}  // namespace brainmt::dnn::detail
