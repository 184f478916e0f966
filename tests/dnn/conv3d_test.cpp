// The three passes of the convolution against kernels/ref/conv3d.hpp in double: all types, strides, odd extents, few
// and many channels, bias, ReLU, accumulation; and the adjoint identity between the passes.
#include "dnn/conv3d.hpp"

#include "dense_checks.hpp"
#include "kernels/ref/conv3d.hpp"

namespace brainmt::dnn {
namespace {

namespace ref = kernels::ref;
using testing::Values;

struct Case {
  DType type;
  int in_channels, out_channels, stride;
  std::array<int, 3> extents;
  int batch = 2;
  int kernel = 3;
};

std::string name_of_case(const ::testing::TestParamInfo<Case>& info) {
  const Case& c = info.param;
  return fmt::format("{}_{}to{}_k{}s{}_{}x{}x{}x{}", name_of(c.type), c.in_channels, c.out_channels, c.kernel, c.stride,
                     c.batch, c.extents[0], c.extents[1], c.extents[2]);
}

class ConvTest : public ::testing::TestWithParam<Case> {
 protected:
  DType type() const { return GetParam().type; }
  DType master() const { return master_of(type()); }
  Conv3dOptions options() const { return {.stride = GetParam().stride, .padding = GetParam().kernel / 2}; }
  Conv3dShape shape() const {
    const Case& c = GetParam();
    Conv3dShape s{{c.extents[0], c.extents[1], c.extents[2]},
                  {},
                  c.batch,
                  c.in_channels,
                  c.out_channels,
                  c.kernel,
                  c.stride,
                  c.kernel / 2};
    for (int axis = 0; axis < 3; ++axis) s.out[axis] = conv_extent(s.in[axis], c.kernel, options());
    return s;
  }
  Shape x_shape() const {
    const auto s = shape();
    return {s.batch, s.in[0], s.in[1], s.in[2], s.in_channels};
  }
  Shape y_shape() const {
    const auto s = shape();
    return {s.batch, s.out[0], s.out[1], s.out[2], s.out_channels};
  }
  Shape w_shape() const {
    const Case& c = GetParam();
    return {c.out_channels, c.in_channels, c.kernel, c.kernel, c.kernel};
  }
  double taps() const { return double(shape().taps()); }
};

TEST_P(ConvTest, Forward) {
  const Tensor x = testing::random_tensor(x_shape(), type(), 1);
  const Tensor w = testing::random_tensor(w_shape(), master(), 2);
  const Tensor bias = testing::random_tensor({GetParam().out_channels}, master(), 3);
  for (const bool relu : {false, true})
    for (const bool with_bias : {false, true}) {
      const Tensor y(y_shape(), type());
      Conv3dOptions o = options();
      o.relu = relu;
      conv3d_fwd(y, x, w, with_bias ? bias : Tensor(), o);
      Values expected(static_cast<std::size_t>(y.count()));
      Values magnitude = expected;
      const auto convolve = [&](Values& out, const Values& in, const Values& kernel, const Values& b) {
        ref::conv3d_fwd(out.data(), in.data(), kernel.data(), with_bias ? b.data() : nullptr, shape());
      };
      const Values kernel = testing::seen_as(w, type());
      convolve(expected, x.to_host(), kernel, bias.to_host());
      convolve(magnitude, testing::absolute(x.to_host()), testing::absolute(kernel), testing::absolute(bias.to_host()));
      if (relu)
        for (double& v : expected) v = std::max(v, 0.0);
      testing::expect_matmul(y.to_host(), expected, magnitude, taps() * GetParam().in_channels + 1, type(), "y");
    }
}

TEST_P(ConvTest, BackwardDataAssigns) {
  const Tensor dy = testing::random_tensor(y_shape(), type(), 1);
  const Tensor w = testing::random_tensor(w_shape(), master(), 2);
  const Tensor dx = testing::random_tensor(x_shape(), type(), 3);
  conv3d_bwd_data(dx, dy, w, options());
  Values expected(static_cast<std::size_t>(dx.count()));
  Values magnitude = expected;
  const Values kernel = testing::seen_as(w, type());
  ref::conv3d_bwd_data(expected.data(), dy.to_host().data(), kernel.data(), shape());
  ref::conv3d_bwd_data(magnitude.data(), testing::absolute(dy.to_host()).data(), testing::absolute(kernel).data(),
                       shape());
  testing::expect_matmul(dx.to_host(), expected, magnitude, taps() * GetParam().out_channels, type(), "dx");
}

// Pooled memory comes uninitialised; what an implementation forgets to write must not look like zeros.
void leave_garbage_in_the_pool() {
  std::vector<Tensor> blocks;
  for (std::int64_t count = 64; count <= 1 << 20; count *= 2) {
    const std::vector<float> huge(static_cast<std::size_t>(count), 1e20f);
    blocks.push_back(Tensor::from_host(huge, {count}, DType::kF32));
  }
}

TEST_P(ConvTest, BackwardWeightsAdd) {
  leave_garbage_in_the_pool();
  const Tensor dy = testing::random_tensor(y_shape(), type(), 1);
  const Tensor x = testing::random_tensor(x_shape(), type(), 2);
  const Tensor dw = testing::random_tensor(w_shape(), master(), 3);
  const Tensor dbias = testing::random_tensor({GetParam().out_channels}, master(), 4);
  Values weights = dw.to_host(), bias = dbias.to_host();
  Values weights_magnitude = testing::absolute(weights), bias_magnitude = testing::absolute(bias);
  ref::conv3d_bwd_weights(weights.data(), bias.data(), dy.to_host().data(), x.to_host().data(), shape());
  ref::conv3d_bwd_weights(weights_magnitude.data(), bias_magnitude.data(), testing::absolute(dy.to_host()).data(),
                          testing::absolute(x.to_host()).data(), shape());
  conv3d_bwd_weights(dw, dbias, dy, x, options());
  const double terms = double(shape().out_voxels()) + 1;
  testing::expect_matmul(dw.to_host(), weights, weights_magnitude, terms, master(), "dw");
  testing::expect_matmul(dbias.to_host(), bias, bias_magnitude, terms, master(), "dbias");
  conv3d_bwd_weights(dw, {}, dy, x, options());  // a bias is optional
}

// <conv(x), dy> = <x, conv_bwd_data(dy)> = <w, dw(x, dy)>, whatever the reference loops do.
TEST_P(ConvTest, PassesAreAdjoint) {
  const Tensor x = testing::random_tensor(x_shape(), type(), 1);
  const Tensor dy = testing::random_tensor(y_shape(), type(), 2);
  const Tensor w = testing::random_tensor(w_shape(), type(), 3).to(master());  // exact in the activation type
  const Tensor y(y_shape(), type()), dx(x_shape(), type());
  const Tensor dw = Tensor::zeros(w_shape(), master());
  conv3d_fwd(y, x, w, {}, options());
  conv3d_bwd_data(dx, dy, w, options());
  conv3d_bwd_weights(dw, {}, dy, x, options());
  const double forward = testing::dot(y.to_host(), dy.to_host());
  // Errors of the elements are independent, so they add up as a norm; 8 standard deviations.
  const double norm = std::sqrt(testing::dot(y.to_host(), y.to_host()) * testing::dot(dy.to_host(), dy.to_host()));
  const double tolerance = 8 * norm * (testing::rounding_unit(type()) + taps() * testing::rounding_unit(master()));
  EXPECT_NEAR(forward, testing::dot(x.to_host(), dx.to_host()), tolerance);
  EXPECT_NEAR(forward, testing::dot(w.to_host(), dw.to_host()), tolerance);
}

TEST_P(ConvTest, TwoRunsGiveEqualBits) {
  const Tensor x = testing::random_tensor(x_shape(), type(), 1);
  const Tensor dy = testing::random_tensor(y_shape(), type(), 2);
  const Tensor first = Tensor::zeros(w_shape(), master());
  const Tensor second = Tensor::zeros(w_shape(), master());
  conv3d_bwd_weights(first, {}, dy, x, options());
  conv3d_bwd_weights(second, {}, dy, x, options());
  EXPECT_EQ(first.to_host(), second.to_host());
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const DType type : {DType::kF32, DType::kBf16, DType::kF64}) {
    for (const int stride : {1, 2})
      for (const auto& [in, out] : {std::array{1, 8}, {1, 4}, {4, 8}, {8, 16}, {12, 12}, {16, 32}, {32, 32}, {5, 3}})
        all.push_back({type, in, out, stride, {7, 6, 5}});
    all.push_back({type, 1, 8, 2, {13, 7, 9}});
    all.push_back({type, 8, 8, 2, {13, 7, 9}, 1});
    all.push_back({type, 16, 16, 1, {13, 7, 9}, 1});
    all.push_back({type, 8, 16, 2, {1, 1, 2}, 3});
    all.push_back({type, 16, 32, 2, {2, 2, 1}, 5});
    all.push_back({type, 8, 16, 2, {3, 4, 6}, 3});
    all.push_back({type, 16, 8, 1, {4, 3, 5}, 1, 1});
  }
  return all;
}
INSTANTIATE_TEST_SUITE_P(Shapes, ConvTest, ::testing::ValuesIn(cases()), name_of_case);

TEST(Conv3d, MismatchIsABug) {
  const Tensor w = testing::random_tensor({4, 1, 3, 3, 3}, DType::kF32, 1);
  EXPECT_THROW(conv3d_fwd(Tensor({1, 4, 4, 4, 4}, DType::kF32), Tensor({1, 4, 4, 4, 2}, DType::kF32), w, {}, {}),
               InternalError);
}

}  // namespace
}  // namespace brainmt::dnn
