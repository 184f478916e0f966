#pragma once
// Values in device memory for the tests that need a GPU, and the comparison of a sum of products with its value in
// double.
//
// Tolerance: a sum of K products in a type with rounding unit u, in whatever order, is off by at most K u sum|a_k b_k|
// (first order; Higham, Accuracy and Stability of Numerical Algorithms, section 3.1); storing it adds its own type's
// unit times |sum|. Both are rigorous, so a failure is a wrong result and never bad luck.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "base/bfloat16.hpp"
#include "base/dtype.hpp"
#include "cuda/context.hpp"
#include "cuda/device.hpp"
#include "cuda/error.hpp"

namespace brainmt::cuda::testing {

using Values = std::vector<double>;

inline double rounding_unit(DType t) { return std::ldexp(1.0, t == DType::kF32 ? -24 : t == DType::kBf16 ? -8 : -53); }

inline std::shared_ptr<void> device_memory(std::size_t bytes) {
  void* data = nullptr;
  check(cudaMalloc(&data, bytes), "a test's memory, {} bytes", bytes);
  return {data, [](void* p) { cudaFree(p); }};
}

/// Uniform in [-1, 1), rounded to `type`.
inline Values random_values(std::int64_t count, DType type, unsigned seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
  Values values(static_cast<std::size_t>(count));
  for (double& v : values) v = type == DType::kBf16 ? float{bf16(uniform(generator))} : uniform(generator);
  return values;
}

/// An array in device memory.
class Buffer {
 public:
  Buffer(const Values& values, DType type) : type_(type), count_(values.size()), memory_(device_memory(bytes())) {
    if (type == DType::kF32)
      upload<float>(values);
    else if (type == DType::kBf16)
      upload<bf16>(values);
    else
      upload<double>(values);
  }
  void* data() const { return memory_.get(); }
  void* at(std::int64_t element) const {
    return static_cast<std::byte*>(memory_.get()) + static_cast<std::size_t>(element) * size_of(type_);
  }
  float* floats() const { return static_cast<float*>(memory_.get()); }
  Values values() const {
    return type_ == DType::kF32 ? download<float>() : type_ == DType::kBf16 ? download<bf16>() : download<double>();
  }

 private:
  std::size_t bytes() const { return count_ * size_of(type_); }
  template <class T>
  void upload(const Values& values) {
    std::vector<T> converted;
    for (const double v : values)
      if constexpr (std::is_same_v<T, double>)
        converted.push_back(v);
      else
        converted.push_back(T(static_cast<float>(v)));
    check(cudaMemcpy(data(), converted.data(), bytes(), cudaMemcpyHostToDevice), "copy to the GPU");
  }
  template <class T>
  Values download() const {
    std::vector<T> raw(count_);
    check(cudaDeviceSynchronize(), "the work before a copy");
    check(cudaMemcpy(raw.data(), data(), bytes(), cudaMemcpyDeviceToHost), "copy from the GPU");
    Values values;
    for (const T& v : raw)
      if constexpr (std::is_same_v<T, double>)
        values.push_back(v);
      else
        values.push_back(static_cast<double>(static_cast<float>(v)));
    return values;
  }
  DType type_;
  std::size_t count_;
  std::shared_ptr<void> memory_;
};

/// Skips where there is no GPU.
class OnDevice : public ::testing::Test {
 protected:
  void SetUp() override {
    const Machine machine = query();
    if (machine.devices.empty()) GTEST_SKIP() << "missing hardware, a CUDA device";
    use(device_for(machine, 0));
    context.allocate = [](std::size_t bytes) { return device_memory(bytes); };
  }
  Context context;
};

inline Values absolute(Values values) {
  for (double& v : values) v = std::abs(v);
  return values;
}

/// `magnitude` is the same sum of products of absolute values, `terms` the number of products in one sum; `extra` is
/// added to each tolerance.
inline void expect_sums(const Values& actual, const Values& expected, const Values& magnitude, double terms,
                        DType stored, const std::string& what, double extra = 0) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  const double sum_unit = rounding_unit(master_of(stored));
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double tolerance =
        terms * sum_unit * magnitude[i] + rounding_unit(stored) * (std::abs(expected[i]) + sum_unit) + extra;
    ASSERT_LE(std::abs(actual[i] - expected[i]), 1.01 * tolerance) << what << " at " << i << ": " << expected[i];
  }
}

}  // namespace brainmt::cuda::testing
