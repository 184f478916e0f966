#pragma once
// 3-D convolution with kernel k (from the weight), optionally followed by ReLU.
#include "autograd/tape.hpp"
#include "dnn/conv3d.hpp"

namespace brainmt::autograd {

/// x: [N, D, H, W, C] channels last; weight: [out, C, k, k, k]; bias: [out] or nullptr.
Var conv3d(Tape& tape, const Var& x, Parameter& weight, Parameter* bias, const dnn::Conv3dOptions& options);

}  // namespace brainmt::autograd
