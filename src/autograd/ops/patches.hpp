#pragma once
// A convolution whose stride is its kernel's size: volumes cut into cubes, each of which one linear map projects.
#include "autograd/tape.hpp"

namespace brainmt::autograd {

/// x: [N, Y, X, Z, 1]; weight: [C, 1, K, K, K]; bias: [C]. Result [N, ceil(Y/K), ceil(X/K), ceil(Z/K), C]; what the
/// last cube of an axis lacks is zeros. Keeps x alone for the backward pass: the cubes are cut out again there.
Var patch_projection(Tape& tape, const Var& x, Parameter& weight, Parameter& bias);

}  // namespace brainmt::autograd
