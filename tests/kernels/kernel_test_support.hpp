#pragma once
// What every kernel test needs: buffers in the kernels' memory with values known in double, tolerances counted in unit
// roundoffs, and central differences.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "base/philox.hpp"
#include "kernels/types.hpp"

namespace brainmt::kernels {

using Values = std::vector<double>;

/// Unit roundoff of a storage type: the relative error of one store.
template <class T>
constexpr double roundoff() {
  return std::is_same_v<T, bf16> ? 0x1p-8 : std::is_same_v<T, float> ? 0x1p-24 : 0x1p-53;
}

inline Values random_values(std::size_t count, std::uint32_t seed, double scale = 1.0) {
  Philox generator(seed, 0);
  Values values(count);
  for (double& v : values) v = scale * generator.normal();
  return values;
}

/// `count` elements of T in the memory of the execution space. values() are what was stored, after rounding to T: an
/// oracle that starts from them sees the same inputs as the kernel.
template <class T>
class Buffer {
 public:
  explicit Buffer(const Values& values) : data_("test buffer", values.size()) {
    const auto host = Kokkos::create_mirror_view(data_);
    for (std::size_t i = 0; i < values.size(); ++i) host(i) = static_cast<T>(static_cast<Master<T>>(values[i]));
    Kokkos::deep_copy(data_, host);
  }
  explicit Buffer(std::size_t count, double value = std::nan("")) : Buffer(Values(count, value)) {}

  std::size_t count() const { return data_.extent(0); }
  T* data() const { return data_.data(); }
  Values values() const {
    const auto host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), data_);
    Values values(count());
    for (std::size_t i = 0; i < count(); ++i) values[i] = static_cast<double>(static_cast<Master<T>>(host(i)));
    return values;
  }

  View1<T> flat() const { return View1<T>(data(), count()); }
  View1<const T> in() const { return View1<const T>(data(), count()); }
  View2<T> matrix(std::size_t cols) const { return View2<T>(data(), count() / cols, cols); }
  View2<const T> in_matrix(std::size_t cols) const { return View2<const T>(data(), count() / cols, cols); }
  MatrixView<T> rows(std::size_t cols) const { return kernels::rows<T>(data(), count() / cols, cols, cols); }
  MatrixView<const T> in_rows(std::size_t cols) const {
    return kernels::rows<const T>(data(), count() / cols, cols, cols);
  }

 private:
  Kokkos::View<T*, Kokkos::LayoutRight, Exec::memory_space> data_;
};

/// Every |got - want| <= absolute + relative * |want|; stops at the first failure and names its index.
inline void expect_close(const Values& got, const Values& want, double absolute, double relative,
                         const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (std::size_t i = 0; i < want.size(); ++i)
    ASSERT_LE(std::abs(got[i] - want[i]), absolute + relative * std::abs(want[i]))
        << what << "[" << i << "]: got " << got[i] << ", want " << want[i];
}

/// Compares `gradient` with central differences of the scalar function `f` in each entry of `x`. Step h = 1e-5 leaves
/// an error of about h^2 |f'''| + 1e-16 |f| / h, both near 1e-10 for functions of order 1 to 10: 1e-7 is a wide margin.
inline void expect_gradient(const std::function<double()>& f, Values& x, const Values& gradient,
                            const std::string& what) {
  constexpr double kStep = 1e-5, kTolerance = 1e-7;
  ASSERT_EQ(gradient.size(), x.size()) << what;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double kept = x[i];
    x[i] = kept + kStep;
    const double above = f();
    x[i] = kept - kStep;
    const double below = f();
    x[i] = kept;
    const double difference = (above - below) / (2 * kStep);
    ASSERT_NEAR(gradient[i], difference, kTolerance * (1 + std::abs(difference))) << what << "[" << i << "]";
  }
}

/// sum_i a_i b_i: a scalar loss whose gradient in a is b.
inline double dot(const Values& a, const Values& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

inline const std::vector<std::size_t> kOddSizes = {1, 2, 3, 17, 64, 127, 129, 512};

}  // namespace brainmt::kernels
