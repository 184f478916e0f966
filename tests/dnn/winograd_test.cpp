// Winograd's algorithm against kernels/ref/conv3d.hpp in double. The extents make every tile size (2, 3, 4 outputs
// along an axis), tiles that stick out, several frames, and more tiles than one range holds.
//
// Tolerance, on norms: interpolation at five points amplifies the rounding of fp32; nested along three axes F(4, 3) was
// measured at 4e-6, seventy units of 2^-24, in agreement with a simulation in numpy. Twice that is allowed. A wrong
// coefficient or a misplaced tile gives errors of order one. bf16 adds one rounding of the result.
#include "dnn/host/winograd.hpp"

#include "dense_checks.hpp"
#include "dnn/conv3d.hpp"
#include "kernels/ref/conv3d.hpp"

namespace brainmt::dnn {
namespace {

namespace ref = kernels::ref;
using testing::Values;

struct Case {
  DType type;
  int in_channels, out_channels, batch;
  std::array<int, 3> extents;
};

std::string name_of_case(const ::testing::TestParamInfo<Case>& info) {
  const Case& c = info.param;
  return fmt::format("{}_{}to{}_{}x{}x{}x{}", name_of(c.type), c.in_channels, c.out_channels, c.batch, c.extents[0],
                     c.extents[1], c.extents[2]);
}

double norm(const Values& v) { return std::sqrt(testing::dot(v, v)); }

void expect_close(const Values& actual, const Values& expected, DType stored, const char* what) {
  Values difference = actual;
  for (std::size_t i = 0; i < difference.size(); ++i) difference[i] -= expected[i];
  const double storage = stored == DType::kBf16 ? testing::rounding_unit(stored) : 0.0;
  EXPECT_LE(norm(difference), (150 * testing::rounding_unit(DType::kF32) + storage) * norm(expected)) << what;
}

class WinogradTest : public ::testing::TestWithParam<Case> {
 protected:
  DType type() const { return GetParam().type; }
  Conv3dShape shape() const {
    const Case& c = GetParam();
    const std::array<std::int64_t, 3> extents{c.extents[0], c.extents[1], c.extents[2]};
    return {extents, extents, c.batch, c.in_channels, c.out_channels, 3, 1, 1};
  }
  Tensor activations(int channels, unsigned seed) const {
    const Case& c = GetParam();
    return testing::random_tensor({c.batch, c.extents[0], c.extents[1], c.extents[2], channels}, type(), seed);
  }
  Tensor x() const { return activations(GetParam().in_channels, 1); }
  Tensor dy() const { return activations(GetParam().out_channels, 2); }
  Tensor kernel(unsigned seed) const {
    return testing::random_tensor({GetParam().out_channels, GetParam().in_channels, 3, 3, 3}, DType::kF32, seed);
  }
  Tensor bias(unsigned seed) const { return testing::random_tensor({GetParam().out_channels}, DType::kF32, seed); }
};

TEST_P(WinogradTest, Forward) {
  ASSERT_TRUE(detail::winograd_applies(shape()));
  const Tensor w = kernel(3), b = bias(4), y = dy();
  Values expected(static_cast<std::size_t>(y.count()));
  ref::conv3d_fwd(expected.data(), x().to_host().data(), w.to_host().data(), b.to_host().data(), shape());
  detail::conv3d_fwd_winograd(y, x(), w, b, shape(), false);
  expect_close(y.to_host(), expected, type(), "y");

  for (double& v : expected) v = std::max(v, 0.0);
  detail::conv3d_fwd_winograd(y, x(), w, b, shape(), true);
  expect_close(y.to_host(), expected, type(), "relu(y)");
}

TEST_P(WinogradTest, BackwardData) {
  const Tensor w = kernel(3), dx = x();
  Values expected(static_cast<std::size_t>(dx.count()));
  ref::conv3d_bwd_data(expected.data(), dy().to_host().data(), w.to_host().data(), shape());
  detail::conv3d_bwd_data_winograd(dx, dy(), w, shape());
  expect_close(dx.to_host(), expected, type(), "dx");
}

TEST_P(WinogradTest, BackwardWeightsAdd) {
  const Tensor dw = kernel(3), dbias = bias(4);
  Values weights = dw.to_host(), sums = dbias.to_host();
  ref::conv3d_bwd_weights(weights.data(), sums.data(), dy().to_host().data(), x().to_host().data(), shape());
  detail::conv3d_bwd_weights_winograd(dw, dbias, dy(), x(), shape());
  expect_close(dw.to_host(), weights, DType::kF32, "dw");
  expect_close(dbias.to_host(), sums, DType::kF32, "dbias");
}

TEST_P(WinogradTest, TwoRunsGiveEqualBits) {
  const Tensor first = Tensor::zeros(kernel(1).shape(), DType::kF32), second = first.clone();
  detail::conv3d_bwd_weights_winograd(first, {}, dy(), x(), shape());
  detail::conv3d_bwd_weights_winograd(second, {}, dy(), x(), shape());
  EXPECT_EQ(first.to_host(), second.to_host());
}

INSTANTIATE_TEST_SUITE_P(Shapes, WinogradTest,
                         ::testing::Values(Case{DType::kF32, 32, 64, 6, {2, 7, 5}},
                                           Case{DType::kF32, 64, 32, 13, {1, 4, 3}},
                                           Case{DType::kF32, 32, 32, 21, {7, 7, 7}},
                                           Case{DType::kBf16, 32, 64, 6, {2, 7, 5}},
                                           Case{DType::kBf16, 64, 32, 2, {9, 6, 8}}),
                         name_of_case);

TEST(Winograd, AppliesToItsGeometryOnly) {
  const Conv3dShape good{{7, 6, 6}, {7, 6, 6}, 20, 256, 256, 3, 1, 1};
  EXPECT_TRUE(detail::winograd_applies(good));
  Conv3dShape strided = good, narrow = good, pointwise = good, tiny = good;
  strided.stride = 2;
  narrow.in_channels = 16;
  pointwise.kernel = 1;
  tiny.batch = 1;
  for (const Conv3dShape& bad : {strided, narrow, pointwise, tiny}) EXPECT_FALSE(detail::winograd_applies(bad));
}

TEST(Winograd, IsWhatTheConvolutionUsesWhereItPays) {
  const Conv3dShape shape{{7, 6, 6}, {7, 6, 6}, 8, 32, 32, 3, 1, 1};
  ASSERT_TRUE(detail::winograd_pays(shape, DType::kF32));
  const Tensor x = testing::random_tensor({8, 7, 6, 6, 32}, DType::kF32, 1);
  const Tensor w = testing::random_tensor({32, 32, 3, 3, 3}, DType::kF32, 2);
  const Tensor chosen(x.shape(), DType::kF32), winograd(x.shape(), DType::kF32);
  conv3d_fwd(chosen, x, w, {}, {});
  detail::conv3d_fwd_winograd(winograd, x, w, {}, shape, false);
  EXPECT_EQ(chosen.to_host(), winograd.to_host());
}

}  // namespace
}  // namespace brainmt::dnn
