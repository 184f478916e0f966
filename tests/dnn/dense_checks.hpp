#pragma once
// Random tensors, and the comparison of a dense product with its value in double.
//
// Tolerance: a sum of K products in a type with rounding unit u, in whatever order, is off by at most K u sum|a_k b_k|
// (first order; Higham, Accuracy and Stability of Numerical Algorithms, section 3.1); storing it adds its own type's
// unit times |sum|. Both are rigorous, so a failure is a wrong result and never bad luck.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "tensor/tensor.hpp"

namespace brainmt::dnn::testing {

using Values = std::vector<double>;

inline double rounding_unit(DType t) {
  return t == DType::kF32 ? std::ldexp(1.0, -24) : t == DType::kBf16 ? std::ldexp(1.0, -8) : std::ldexp(1.0, -53);
}

/// Uniform in [-1, 1), rounded to `dtype`.
inline Tensor random_tensor(Shape shape, DType dtype, unsigned seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
  std::vector<float> values(static_cast<std::size_t>(shape.count()));
  for (float& v : values) v = uniform(generator);
  return Tensor::from_host(values, shape, dtype);
}

inline Values absolute(Values values) {
  for (double& v : values) v = std::abs(v);
  return values;
}

/// The values as the product in `type` sees them: a float weight meets bf16 activations as bf16.
inline Values seen_as(const Tensor& t, DType type) {
  return type == DType::kBf16 && t.dtype() == DType::kF32 ? t.to(type).to_host() : t.to_host();
}

/// `magnitude` is the same product of absolute values, `terms` the number of products in one sum.
inline void expect_matmul(const Values& actual, const Values& expected, const Values& magnitude, double terms,
                          DType stored, const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  const double sum_unit = rounding_unit(master_of(stored));
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double tolerance =
        terms * sum_unit * magnitude[i] + rounding_unit(stored) * (std::abs(expected[i]) + sum_unit);
    ASSERT_LE(std::abs(actual[i] - expected[i]), 1.01 * tolerance) << what << " at " << i << ": " << expected[i];
  }
}

inline double dot(const Values& a, const Values& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace brainmt::dnn::testing
