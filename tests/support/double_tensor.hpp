#pragma once
// Tensors in double with given values, where kernels run in the host's memory.
#include <algorithm>
#include <vector>

#include "tensor/tensor.hpp"

namespace brainmt::test {

inline Tensor in_double(const std::vector<double>& values, const Shape& shape) {
  const Tensor tensor(shape, DType::kF64);
  std::ranges::copy(values, tensor.data<double>());
  return tensor;
}

/// In fp32 or double.
inline Tensor tensor_of(const std::vector<double>& values, const Shape& shape, DType dtype) {
  if (dtype == DType::kF64) return in_double(values, shape);
  return Tensor::from_host(std::vector<float>(values.begin(), values.end()), shape, dtype);
}

}  // namespace brainmt::test
