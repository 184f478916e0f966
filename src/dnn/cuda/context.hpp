#pragma once
// How the vendor layer (src/cuda) is told of this program's stream, memory, settings and types.
#include "cuda/context.hpp"
#include "cuda/types.hpp"
#include "tensor/tensor.hpp"

namespace brainmt::dnn::detail {

/// Work on the kernels' stream, workspace from the pool.
cuda::Context cuda_context();
cuda::Type cuda_type(DType type);

}  // namespace brainmt::dnn::detail
