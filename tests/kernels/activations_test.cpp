// Activations and the SiLU gate: slopes against central differences, kernels against the oracle.
#include "kernels/activations.hpp"

#include "kernel_test_support.hpp"
#include "kernels/ref/activations.hpp"

namespace brainmt::kernels {
namespace {

// Calls f.operator()<oracle struct>(activation) for every activation.
template <class F>
void for_each_activation(F&& f) {
  f.template operator()<ref::Relu>(Activation::kRelu);
  f.template operator()<ref::GeluTanh>(Activation::kGeluTanh);
  f.template operator()<ref::GeluErf>(Activation::kGeluErf);
  f.template operator()<ref::Silu>(Activation::kSilu);
  f.template operator()<ref::Softplus>(Activation::kSoftplus);
}

TEST(ActivationOracle, SlopesMatchCentralDifferences) {
  for_each_activation([]<class Oracle>(Activation) {
    Values x = random_values(50, 1, 2.0), y(50), dx(50);
    const Values dy = random_values(50, 2);
    ref::activation_bwd<Oracle>(dx.data(), dy.data(), x.data(), 50);
    const auto loss = [&] {
      ref::activation_fwd<Oracle>(y.data(), x.data(), 50);
      return dot(y, dy);
    };
    expect_gradient(loss, x, dx, "dx");
  });
}

// How far the tanh form is from the exact one, absolutely and against what bf16's rounding of x and of the result can
// do: what src/dnn/linear_gelu.hpp and docs/gpu.md say.
TEST(ActivationOracle, TheTanhFormOfGeluIsNearTheExactOne) {
  constexpr double kUnit = 0x1p-8;
  double value = 0, slope = 0, in_tail = 0, elsewhere = 0;
  for (int i = -600'000; i <= 600'000; ++i) {
    const double x = i * 1e-5, exact = ref::GeluErf::value(x), exact_slope = ref::GeluErf::slope(x);
    const double off = std::abs(ref::GeluTanh::value(x) - exact);
    value = std::max(value, off);
    slope = std::max(slope, std::abs(ref::GeluTanh::slope(x) - exact_slope));
    if (x == 0) continue;
    const double relative = off / (kUnit * (std::abs(x * exact_slope) + std::abs(exact)));
    double& worst = x > -2.4 ? elsewhere : in_tail;
    worst = std::max(worst, relative);
  }
  EXPECT_LE(value, 4.74e-4);
  EXPECT_LE(slope, 8.69e-4);
  EXPECT_LT(elsewhere, 1.0);
  EXPECT_LT(in_tail, 8.4);
  EXPECT_GT(in_tail, 8.0);  // so it is no default
}

TEST(ActivationOracle, GateGradientsMatchCentralDifferences) {
  Values y = random_values(30, 3), z = random_values(30, 4, 2.0), out(30), dy(30), dz(30);
  const Values dout = random_values(30, 5);
  ref::gate_silu_bwd(dy.data(), dz.data(), dout.data(), y.data(), z.data(), 30);
  const auto loss = [&] {
    ref::gate_silu_fwd(out.data(), y.data(), z.data(), 30);
    return dot(out, dout);
  };
  expect_gradient(loss, y, dy, "dy");
  expect_gradient(loss, z, dz, "dz");
}

template <class T>
class Activations : public testing::Test {
 protected:
  // One store, plus at most 8e-7 (8 float ulps) relative to the size of the terms from the float functions.
  static constexpr double kFunctionError = std::is_same_v<T, double> ? 0 : 8e-7;
};
using StorageTypes = testing::Types<float, bf16, double>;
TYPED_TEST_SUITE(Activations, StorageTypes);

TYPED_TEST(Activations, MatchOracle) {
  using T = TypeParam;
  for_each_activation([this]<class Oracle>(Activation f) {
    for (std::size_t count : {1, 3, 17, 129, 5000}) {
      const Buffer<T> x(random_values(count, 6, 4.0)), dy(random_values(count, 7));
      Buffer<T> y(count), dx(count);
      activation_fwd<T>(Exec(), y.flat(), x.in(), f);
      activation_bwd<T>(Exec(), dx.flat(), dy.in(), x.in(), f);
      Values want_y(count), want_dx(count);
      ref::activation_fwd<Oracle>(want_y.data(), x.values().data(), count);
      ref::activation_bwd<Oracle>(want_dx.data(), dy.values().data(), x.values().data(), count);
      // |x| <= 20 here: a function error is multiplied by x in f(x), and by dy <= 5 and up to x in the slope.
      expect_close(y.values(), want_y, 20 * this->kFunctionError, roundoff<T>(), "y");
      expect_close(dx.values(), want_dx, 100 * this->kFunctionError, roundoff<T>(), "dx");
    }
  });
}

TYPED_TEST(Activations, WorkInPlaceAndAtExtremes) {
  using T = TypeParam;
  for_each_activation([]<class Oracle>(Activation f) {
    const Buffer<T> x(Values{-1e4, -100, -30, 0, 30, 100, 1e4}), ones(Values(7, 1.0));
    Buffer<T> y(x.values()), dx(Values(7, 1.0));
    activation_fwd<T>(Exec(), y.flat(), y.in(), f);
    activation_bwd<T>(Exec(), dx.flat(), dx.in(), x.in(), f);
    for (std::size_t i = 0; i < 7; ++i) {
      const double at = x.values()[i], value = Oracle::value(at), slope = Oracle::slope(at);
      EXPECT_NEAR(y.values()[i], value, 1e-6 + roundoff<T>() * std::abs(value)) << "at " << at;
      EXPECT_NEAR(dx.values()[i], slope, 1e-6 + roundoff<T>() * std::abs(slope)) << "at " << at;
    }
  });
}

TYPED_TEST(Activations, GateMatchesOracleOnStridedRows) {
  using T = TypeParam;
  for (std::size_t row_count : {1, 3, 17})
    for (std::size_t cols : kOddSizes) {
      const std::size_t ld = 2 * cols + 1;  // y and z are columns of one wider matrix, as in_proj leaves them
      const Buffer<T> yz(random_values(row_count * ld, 8, 2.0)), dout(random_values(row_count * cols, 9));
      Buffer<T> out(row_count * cols), dyz(row_count * ld, 7.0);
      const auto y = rows<const T>(yz.data(), row_count, cols, ld),
                 z = rows<const T>(yz.data() + cols, row_count, cols, ld);
      gate_silu_fwd<T>(Exec(), out.rows(cols), y, z);
      gate_silu_bwd<T>(Exec(), rows<T>(dyz.data(), row_count, cols, ld),
                       rows<T>(dyz.data() + cols, row_count, cols, ld), dout.in_rows(cols), y, z);
      Values want_out(row_count * cols), want_dyz(row_count * ld, 7.0);
      for (std::size_t r = 0; r < row_count; ++r) {
        const Values wide = yz.values(), gradient = dout.values();
        const double *yr = wide.data() + r * ld, *zr = yr + cols;
        ref::gate_silu_fwd(&want_out[r * cols], yr, zr, cols);
        ref::gate_silu_bwd(&want_dyz[r * ld], &want_dyz[r * ld + cols], &gradient[r * cols], yr, zr, cols);
      }
      expect_close(out.values(), want_out, 100 * this->kFunctionError, roundoff<T>(), "out");
      expect_close(dyz.values(), want_dyz, 100 * this->kFunctionError, roundoff<T>(), "dy, dz and what lies between");
    }
}

}  // namespace
}  // namespace brainmt::kernels
