// Convolutions on the GPU against kernels/ref/conv3d.hpp in double, all passes and types; and the layout kernels.
#include <fmt/format.h>

#include <algorithm>

#include "cuda/conv3d.hpp"
#include "cuda/layout.hpp"
#include "device_checks.hpp"
#include "kernels/ref/conv3d.hpp"

namespace brainmt::cuda {
namespace {

namespace ref = kernels::ref;
using testing::Buffer;
using testing::Values;

struct Case {
  std::array<std::int64_t, 3> in;
  std::int64_t batch, in_channels, out_channels;
  int stride;
};

const std::vector<Case> kCases{{{9, 11, 9}, 2, 1, 64, 2}, {{6, 7, 5}, 3, 64, 128, 2}, {{6, 7, 6}, 2, 128, 128, 1},
                               {{3, 2, 1}, 1, 8, 16, 2},  {{5, 4, 3}, 2, 16, 8, 1},   {{12, 14, 12}, 1, 32, 32, 1}};

Conv3dShape shape_of(const Case& c) {
  Conv3dShape s{c.in, {}, c.batch, c.in_channels, c.out_channels, 3, c.stride, 1};
  for (std::size_t axis = 0; axis < 3; ++axis) s.out[axis] = (s.in[axis] - 1) / c.stride + 1;
  return s;
}

Values as_bf16(Values values, DType type) {
  if (type == DType::kBf16)
    for (double& v : values) v = float{bf16(static_cast<float>(v))};
  return values;
}

class Conv3d : public testing::OnDevice {
 protected:
  struct Problem {
    Conv3dShape shape;
    DType type;
    Values x, dy, w, bias;
    std::string text;
    std::int64_t inputs, outputs;

    Problem(const Case& c, DType t)
        : shape(shape_of(c)),
          type(t),
          text(fmt::format("{} [{}, {}, {}] {} -> {} stride {}", name_of(t), c.in[0], c.in[1], c.in[2], c.in_channels,
                           c.out_channels, c.stride)),
          inputs(shape.in_voxels() * c.in_channels),
          outputs(shape.out_voxels() * c.out_channels) {
      x = testing::random_values(inputs, t, 1);
      dy = testing::random_values(outputs, t, 2);
      w = testing::random_values(shape.weights(), DType::kF32, 3);
      bias = testing::random_values(c.out_channels, DType::kF32, 4);
    }
  };

  void expect_forward(const Problem& p, bool with_bias, bool relu) {
    const Buffer x(p.x, p.type), w(p.w, DType::kF32), bias(p.bias, DType::kF32);
    const Buffer y(Values(static_cast<std::size_t>(p.outputs), 7.0), p.type);
    conv3d_fwd(context, y.data(), x.data(), w.floats(), with_bias ? bias.floats() : nullptr, p.shape, p.type, relu);
    const auto reference = [&](const Values& in, const Values& kernel, const Values& offset) {
      Values out(static_cast<std::size_t>(p.outputs));
      ref::conv3d_fwd(out.data(), in.data(), kernel.data(), with_bias ? offset.data() : nullptr, p.shape);
      return out;
    };
    const Values kernel = as_bf16(p.w, p.type);
    Values expected = reference(p.x, kernel, p.bias);
    if (relu)
      for (double& v : expected) v = std::max(v, 0.0);
    const Values magnitude = reference(testing::absolute(p.x), testing::absolute(kernel), testing::absolute(p.bias));
    // Without an engine that adds the bias, the sum is rounded once more before it is added.
    const double largest = *std::max_element(magnitude.begin(), magnitude.end());
    const double extra = with_bias ? testing::rounding_unit(p.type) * largest : 0.0;
    testing::expect_sums(y.values(), expected, magnitude, 27.0 * p.shape.in_channels + 1, p.type, p.text, extra);
  }

  void expect_backward_data(const Problem& p) {
    const Buffer dy(p.dy, p.type), w(p.w, DType::kF32);
    const Buffer dx(Values(static_cast<std::size_t>(p.inputs), 7.0), p.type);
    conv3d_bwd_data(context, dx.data(), dy.data(), w.floats(), p.shape, p.type);
    const auto reference = [&](const Values& gradient, const Values& kernel) {
      Values out(static_cast<std::size_t>(p.inputs));
      ref::conv3d_bwd_data(out.data(), gradient.data(), kernel.data(), p.shape);
      return out;
    };
    const Values kernel = as_bf16(p.w, p.type);
    testing::expect_sums(dx.values(), reference(p.dy, kernel),
                         reference(testing::absolute(p.dy), testing::absolute(kernel)), 27.0 * p.shape.out_channels,
                         p.type, p.text);
  }

  Values weight_gradient(const Problem& p, const Values& start) {
    const Buffer dy(p.dy, p.type), x(p.x, p.type), dw(start, DType::kF32);
    conv3d_bwd_weights(context, dw.floats(), dy.data(), x.data(), p.shape, p.type);
    return dw.values();
  }

  void expect_backward_weights(const Problem& p) {
    const Values start = testing::random_values(p.shape.weights(), DType::kF32, 5);
    const auto reference = [&](Values sums, const Values& gradient, const Values& in) {
      ref::conv3d_bwd_weights(sums.data(), static_cast<double*>(nullptr), gradient.data(), in.data(), p.shape);
      return sums;
    };
    const Values zero(start.size(), 0.0);
    const Values magnitude = reference(testing::absolute(start), testing::absolute(p.dy), testing::absolute(p.x));
    const Values gradient = reference(zero, p.dy, p.x);
    const double largest = *std::max_element(magnitude.begin(), magnitude.end());
    // Where the library leaves a bf16 gradient, it is rounded once before it is added.
    const double extra = p.type == DType::kBf16 ? testing::rounding_unit(DType::kBf16) * largest : 0.0;
    testing::expect_sums(weight_gradient(p, start), reference(start, p.dy, p.x), magnitude,
                         static_cast<double>(p.shape.out_voxels()) + 1, DType::kF32, p.text, extra);
  }
};

TEST_F(Conv3d, ForwardIsRight) {
  for (const DType type : {DType::kF32, DType::kBf16})
    for (const Case& c : kCases) {
      const Problem problem(c, type);
      expect_forward(problem, false, false);
      expect_forward(problem, true, true);
    }
}

TEST_F(Conv3d, BackwardDataIsRight) {
  for (const DType type : {DType::kF32, DType::kBf16})
    for (const Case& c : kCases) expect_backward_data({c, type});
}

TEST_F(Conv3d, BackwardWeightsIsRightAndAdds) {
  for (const DType type : {DType::kF32, DType::kBf16})
    for (const Case& c : kCases) expect_backward_weights({c, type});
}

TEST_F(Conv3d, TimedSelectionIsRight) {
  context.selection = Selection::kTimed;
  const Problem problem({{10, 9, 8}, 2, 32, 64, 1}, DType::kBf16);
  expect_forward(problem, true, true);
  expect_backward_data(problem);
  expect_backward_weights(problem);
}

TEST_F(Conv3d, WeightGradientsRepeatBitForBit) {
  const Problem problem({{23, 28, 23}, 4, 64, 64, 1}, DType::kBf16);
  const Values zero(static_cast<std::size_t>(problem.shape.weights()), 0.0);
  const Values first = weight_gradient(problem, zero);
  for (int i = 0; i < 3; ++i) ASSERT_EQ(weight_gradient(problem, zero), first);
}

TEST_F(Conv3d, TakesInputAtAnyAddress) {
  const Problem p({{9, 11, 9}, 2, 1, 64, 2}, DType::kBf16);
  Values shifted{0.0};
  shifted.insert(shifted.end(), p.x.begin(), p.x.end());
  const Buffer odd(shifted, p.type), even(p.x, p.type), w(p.w, DType::kF32);
  const auto forward = [&](const void* x) {
    const Buffer y(Values(static_cast<std::size_t>(p.outputs), 0.0), p.type);
    conv3d_fwd(context, y.data(), x, w.floats(), nullptr, p.shape, p.type, false);
    return y.values();
  };
  EXPECT_EQ(forward(odd.at(1)), forward(even.data()));
}

TEST_F(Conv3d, LayoutKernelsMoveEveryWeight) {
  constexpr std::int64_t kOut = 5, kIn = 3, kTaps = 27, kCount = kOut * kIn * kTaps;
  const Values w = testing::random_values(kCount, DType::kF32, 1);
  const auto moved = [&](std::int64_t index) {  // [out, taps, in] -> [out, in, taps]
    const std::int64_t in = index % kIn, tap = index / kIn % kTaps, out = index / (kIn * kTaps);
    return static_cast<std::size_t>((out * kIn + in) * kTaps + tap);
  };
  for (const DType type : {DType::kF32, DType::kBf16}) {
    const Buffer from(w, DType::kF32), to(Values(kCount, 0.0), type);
    kernel_to_channels_last(context.stream, to.data(), type, from.floats(), kOut, kIn, kTaps);
    const Values packed = to.values();
    const Values rounded = as_bf16(w, type);
    for (std::int64_t i = 0; i < kCount; ++i) ASSERT_EQ(packed[static_cast<std::size_t>(i)], rounded[moved(i)]) << i;

    const Values start = testing::random_values(kCount, DType::kF32, 2);
    const Buffer dw(start, DType::kF32);
    add_channels_last_gradient(context.stream, dw.floats(), to.data(), type, kOut, kIn, kTaps);
    const Values sums = dw.values();
    for (std::size_t i = 0; i < sums.size(); ++i)
      ASSERT_EQ(sums[i], static_cast<double>(static_cast<float>(start[i]) + static_cast<float>(rounded[i]))) << i;
  }
}

TEST_F(Conv3d, BiasKernelAddsAndCuts) {
  const Values c = testing::random_values(4 * 10, DType::kF32, 1), bias = testing::random_values(7, DType::kF32, 2);
  const Buffer matrix(c, DType::kF32), row(bias, DType::kF32);
  add_bias(context.stream, matrix.data(), DType::kF32, row.data(), true, 4, 7, 10);
  const Values after = matrix.values();
  for (std::size_t i = 0; i < after.size(); ++i) {
    const bool inside = i % 10 < 7;
    const double sum = inside ? static_cast<float>(c[i]) + static_cast<float>(bias[i % 10]) : 0.0;
    ASSERT_EQ(after[i], inside ? std::max(sum, 0.0) : c[i]) << i;
  }
}

}  // namespace
}  // namespace brainmt::cuda
