// A linear layer with GELU, and the way back, against kernels/ref in double: all types, both forms of GELU, in place.
#include "dnn/linear_gelu.hpp"

#include "dense_checks.hpp"
#include "dnn/backend.hpp"
#include "kernels/ref/activations.hpp"
#include "kernels/ref/gemm.hpp"

namespace brainmt::dnn {
namespace {

using kernels::Activation;
using testing::Values;

constexpr DType kTypes[] = {DType::kF32, DType::kBf16, DType::kF64};
constexpr std::int64_t kRows = 70, kIn = 40, kOut = 24;

struct AllowTanh {
  explicit AllowTanh(bool allowed) { configure({.tanh_gelu = allowed}); }
  AllowTanh(const AllowTanh&) = delete;
  AllowTanh& operator=(const AllowTanh&) = delete;
  ~AllowTanh() { configure({}); }
};

double gelu(Activation form, double x) {
  return form == Activation::kGeluTanh ? kernels::ref::GeluTanh::value(x) : kernels::ref::GeluErf::value(x);
}
double slope(Activation form, double x) {
  return form == Activation::kGeluTanh ? kernels::ref::GeluTanh::slope(x) : kernels::ref::GeluErf::slope(x);
}

// x w^T, or x w when not `transposed`.
Values matmul(const Values& x, const Values& w, std::int64_t n, std::int64_t k, bool transposed) {
  const auto size = [](std::int64_t v) { return static_cast<std::size_t>(v); };
  Values sums(size(kRows * n));
  kernels::ref::gemm(false, transposed, size(kRows), size(n), size(k), 1.0, x.data(), size(k), w.data(),
                     size(transposed ? k : n), 0.0, sums.data(), size(n));
  return sums;
}

// Tolerances: a sum of K products is off by K u sum |x w| (dense_checks.hpp), which GELU or its slope, of at most 1.13,
// passes on; a device adds the error of its tanh, 2^-12 |pre| forward and 2^-11 (1/2 + |pre| u'(pre)) <= 2^-11 (1/2 +
// 0.8 |pre| + 0.107 |pre|^3) backward; kernels in float are exact to 1e-6. Storing rounds pre and the result.
class LinearGelu : public ::testing::TestWithParam<std::tuple<DType, bool>> {
 protected:
  DType type() const { return std::get<0>(GetParam()); }
  AllowTanh allow{std::get<1>(GetParam())};
  Activation form = gelu_form(type());
  double unit = testing::rounding_unit(type()), sum_unit = testing::rounding_unit(master_of(type()));
  double kernel_error = type() == DType::kF64 ? 1e-15 : 1e-6;
  double tanh_error = form == Activation::kGeluTanh ? 0x1p-11 : 0;
};

TEST_P(LinearGelu, Forward) {
  const Tensor x = testing::random_tensor({kRows, kIn}, type(), 1);
  const Tensor w = testing::random_tensor({kOut, kIn}, type(), 2);
  const Tensor bias = testing::random_tensor({kOut}, master_of(type()), 3);
  const Tensor y({kRows, kOut}, type()), pre(y.shape(), type());
  linear_gelu_fwd(y, pre, x, w, bias);

  const Values sums = matmul(x.to_host(), w.to_host(), kOut, kIn, true);
  const Values sizes = matmul(testing::absolute(x.to_host()), testing::absolute(w.to_host()), kOut, kIn, true);
  const Values kept = pre.to_host(), got = y.to_host(), offsets = bias.to_host();
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double b = offsets[i % static_cast<std::size_t>(kOut)], sum = sums[i] + b;
    const double error = (kIn + 2) * sum_unit * (sizes[i] + std::abs(b)) + unit * std::abs(b);
    ASSERT_NEAR(kept[i], sum, 1.01 * (error + unit * std::abs(sum))) << "pre at " << i;
    const double expected = gelu(form, sum);
    ASSERT_NEAR(got[i], expected,
                1.13 * 1.01 * (error + unit * std::abs(sum)) + unit * std::abs(expected) +
                    (kernel_error + tanh_error / 2) * std::abs(sum))
        << "gelu of " << sum << " at " << i;
  }

  linear_gelu_fwd(pre, pre, x, w, bias);  // in place
  EXPECT_EQ(pre.to_host(), got);
}

TEST_P(LinearGelu, Backward) {
  const Tensor dy = testing::random_tensor({kRows, kIn}, type(), 1);
  const Tensor w = testing::random_tensor({kIn, kOut}, type(), 2);
  std::vector<float> spread(static_cast<std::size_t>(kRows * kOut));  // over [-4, 4): steps of the tail too
  for (std::size_t i = 0; i < spread.size(); ++i)
    spread[i] = -4.0f + 8.0f * static_cast<float>(i) / static_cast<float>(spread.size());
  const Tensor pre = Tensor::from_host(spread, {kRows, kOut}, type()), dpre(pre.shape(), type());
  linear_gelu_bwd(dpre, dy, w, pre);

  const Values sums = matmul(dy.to_host(), w.to_host(), kOut, kIn, false), seen = pre.to_host(), got = dpre.to_host();
  const Values sizes = matmul(testing::absolute(dy.to_host()), testing::absolute(w.to_host()), kOut, kIn, false);
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double x = seen[i], expected = sums[i] * slope(form, x);
    const double of_tanh = tanh_error * (0.5 + 0.8 * std::abs(x) + 0.107 * std::abs(x * x * x));
    const double error = (kIn + 1) * sum_unit * sizes[i] + unit * std::abs(sums[i]);
    ASSERT_NEAR(
        got[i], expected,
        1.13 * 1.01 * error + unit * std::abs(expected) + (4 * kernel_error + of_tanh) * (std::abs(sums[i]) + 1e-3))
        << "at " << i << ", slope at " << x;
  }
}

// The two forms are nearer to each other than the tolerances above. Where every sum is exact and the input lies in the
// tail, each pass must be nearer to its own form than to the other.
TEST_P(LinearGelu, BothPassesTakeOneForm) {
  constexpr std::int64_t kCount = 64;
  std::vector<float> inputs, ones(kCount, 1.0f);
  for (std::int64_t i = 0; i < kCount; ++i) inputs.push_back(-3.0f + static_cast<float>(i) / 64);  // exact in bf16
  const Tensor x = Tensor::from_host(inputs, {kCount, 1}, type()),
               one = Tensor::from_host(std::vector{1.0f}, {1, 1}, type());
  const Tensor pre({kCount, 1}, type()), y(pre.shape(), type()), dpre(pre.shape(), type());
  linear_gelu_fwd(y, pre, x, one, Tensor::zeros({1}, master_of(type())));
  linear_gelu_bwd(dpre, Tensor::from_host(ones, {kCount, 1}, type()), one, pre);

  const auto off = [&](const Values& got, const auto& function, Activation of) {
    double sum = 0;
    for (std::size_t i = 0; i < got.size(); ++i) sum += std::abs(got[i] - function(of, inputs[i]));
    return sum;
  };
  const Activation other = form == Activation::kGeluErf ? Activation::kGeluTanh : Activation::kGeluErf;
  EXPECT_LT(off(y.to_host(), gelu, form), 0.5 * off(y.to_host(), gelu, other));
  EXPECT_LT(off(dpre.to_host(), slope, form), 0.5 * off(dpre.to_host(), slope, other));
}

INSTANTIATE_TEST_SUITE_P(Types, LinearGelu, ::testing::Combine(::testing::ValuesIn(kTypes), ::testing::Bool()),
                         [](const auto& info) {
                           return fmt::format("{}_{}", name_of(std::get<0>(info.param)),
                                              std::get<1>(info.param) ? "tanh_allowed" : "exact");
                         });

TEST(GeluForm, IsExactUnlessBf16MayTakeTheOther) {
  for (const DType type : kTypes) EXPECT_EQ(gelu_form(type), Activation::kGeluErf) << name_of(type);
  const AllowTanh allow(true);
  for (const DType type : kTypes)
    EXPECT_EQ(gelu_form(type), type == DType::kBf16 ? Activation::kGeluTanh : Activation::kGeluErf) << name_of(type);
}

}  // namespace
}  // namespace brainmt::dnn
